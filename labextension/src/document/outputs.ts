/**
 * Outputs of the runtime document as nbformat outputs, and the change from one list to another.
 *
 * An unchanged output is the same object on every reading, so a batch costs only its new outputs. A
 * very large output is shown by its end, or not at all, until the user asks for more.
 */
import type { Delta } from '@jupyter/ydoc';
import type * as nbformat from '@jupyterlab/nbformat';
import type { PartialJSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';
import { parseJson, read } from './automerge';
import type { BlobShelf } from './blobs';
import { encodingOf } from './blobs';
import type { BlobNode, DataNode, OutputNode } from './schema';
import { readJsonMap } from './schema';

/** The texts in place of a missing blob. `held`: the blob was not fetched because of its size. */
export type Placeholder = (mime: string, bytes: number, failed: boolean, held: boolean) => string;

/** A stream or an error with more bytes in blobs than this shows only its text outside of blobs. */
export const STREAM_BYTES = 256 * 1024;
/** Other values are hidden from this size on. */
export const VALUE_BYTES = 16 * 1024 * 1024;
/** The number of bytes that each request for more shows. */
export const STEP_BYTES = 2 * 1024 * 1024;

export class OutputReader {
  constructor(
    private readonly _blobs: BlobShelf,
    private readonly _placeholder: Placeholder
  ) {}

  /** Returns the number of hidden bytes of these outputs. */
  held(nodes: readonly OutputNode[]): number {
    let bytes = 0;
    for (const node of nodes) {
      bytes += this._cut(node).held;
    }
    return bytes;
  }

  /** Shows more of the hidden output. */
  more(nodes: readonly OutputNode[]): void {
    for (const node of nodes.filter(each => this._cut(each).held > 0)) {
      const id = read(node.id);
      const step = node.chunks === undefined ? Infinity : STEP_BYTES;
      this._asked.set(id, (this._asked.get(id) ?? 0) + step);
      this._read.delete(node);
      this._cuts.delete(node);
    }
  }

  /**
   * Returns the visible outputs of a cell: adjacent streams of one name are one. `waits` names
   * missing blobs.
   */
  show(nodes: readonly OutputNode[], waits: Set<string>): nbformat.IOutput[] {
    const shown: nbformat.IOutput[] = [];
    for (const node of nodes) {
      const output = this._output(node, waits);
      const last = shown.at(-1);
      if (last !== undefined && isStream(last) && isStream(output) && last.name === output.name) {
        shown[shown.length - 1] = { ...last, text: textOf(last) + textOf(output) };
      } else {
        shown.push(output);
      }
    }
    return shown;
  }

  /**
   * Returns the same outputs with every blob fetched, for use outside of the document. Rejects if a
   * blob is not available.
   */
  async resolve(nodes: readonly OutputNode[]): Promise<nbformat.IOutput[]> {
    const here = new Map<BlobNode, string>();
    for (const blob of nodes.flatMap(blobsOf)) {
      here.set(blob, await this._blobs.text(blob));
    }
    return nodes.map(node => readOutput(node, blob => here.get(blob) ?? '', this._placeholder));
  }

  private _output(node: OutputNode, waits: Set<string>): nbformat.IOutput {
    const known = this._read.get(node);
    if (known !== undefined) {
      return known;
    }
    const missing = new Set<string>();
    const { from, most } = this._cut(node);
    const look: Look = blob => {
      if (blob.size > most) {
        return { failed: false, held: true };
      }
      const found = this._blobs.look(blob);
      if (found.state === 'here') {
        return found.text;
      }
      missing.add(read(blob.blob));
      return { failed: found.state === 'failed', held: false };
    };
    const shown = from > 0 ? { ...node, chunks: (node.chunks ?? []).slice(from) } : node;
    const output = readOutput(shown, look, this._placeholder);
    if (missing.size === 0) {
      this._read.set(node, output);
    }
    missing.forEach(sha256 => waits.add(sha256));
    return output;
  }

  private _cut(node: OutputNode): Cut {
    let cut = this._cuts.get(node);
    if (cut === undefined) {
      cut = cutOf(node, this._asked.get(read(node.id)) ?? 0);
      this._cuts.set(node, cut);
    }
    return cut;
  }

  private readonly _cuts = new WeakMap<OutputNode, Cut>();
  private readonly _asked = new Map<string, number>();
  private readonly _read = new WeakMap<OutputNode, nbformat.IOutput>();
}

/**
 * The first visible chunk of a stream, the largest visible value of another output, and the number
 * of hidden bytes.
 */
interface Cut {
  from: number;
  most: number;
  held: number;
}

/** `asked`: the number of bytes to show beyond the default. */
function cutOf(node: OutputNode, asked: number): Cut {
  if (node.chunks === undefined) {
    const most = (node.traceback === undefined ? VALUE_BYTES : STREAM_BYTES) + asked;
    const held = blobsOf(node)
      .filter(({ size }) => size > most)
      .reduce((sum, { size }) => sum + size, 0);
    return { from: 0, most, held };
  }
  const sizes = node.chunks.map(chunk => (isBlob(chunk) ? chunk.size : 0));
  const all = sizes.reduce((sum, size) => sum + size, 0);
  if (all <= STREAM_BYTES) {
    return { from: 0, most: Infinity, held: 0 };
  }
  let from = sizes.length;
  let shown = 0;
  while (from > 0 && (sizes[from - 1] === 0 || shown < asked)) {
    from--;
    shown += sizes[from] ?? 0;
  }
  return { from, most: Infinity, held: all - shown };
}

type Look = (blob: BlobNode) => string | { failed: boolean; held: boolean };

function readOutput(node: OutputNode, look: Look, placeholder: Placeholder): nbformat.IOutput {
  const extra = readJsonMap(node.extra) as Record<string, PartialJSONValue>;
  const type = read(node.type);
  switch (type) {
    case 'stream': {
      const text = (node.chunks ?? []).map(chunk => chunkText(chunk, look, placeholder)).join('');
      return { ...extra, output_type: type, name: read(node.name), text };
    }
    case 'error': {
      const parts = node.traceback ?? [];
      const traceback = parts.flatMap(part => lines(part, look, placeholder));
      if (parts.length > 0 && parts.every(part => isBlob(part) && typeof look(part) !== 'string')) {
        // JupyterLab shows only these lines.
        traceback.push(read(node.ename));
      }
      const evalue = node.evalue === undefined ? '' : chunkText(node.evalue, look, placeholder);
      return { ...extra, output_type: type, ename: read(node.ename), evalue, traceback };
    }
    default: {
      const data = readData(node.data ?? {}, look, placeholder);
      const metadata = (parseJson(node.metadata) ?? {}) as Record<string, PartialJSONValue>;
      const count =
        type === 'execute_result' ? { execution_count: node.execution_count ?? null } : {};
      return { ...extra, output_type: type, data, metadata, ...count };
    }
  }
}

function chunkText(chunk: DataNode, look: Look, placeholder: Placeholder): string {
  const found = isBlob(chunk) ? textIn(chunk, look, placeholder) : read(chunk);
  return typeof found === 'string' ? found : `${found.missing}\n`;
}

/** Returns the text, or the message in its place. */
function textIn(
  blob: BlobNode,
  look: Look,
  placeholder: Placeholder
): string | { missing: string } {
  const found = look(blob);
  const mime = encodingOf(blob) === 'json' ? 'application/json' : 'text/plain';
  return typeof found === 'string'
    ? found
    : { missing: placeholder(mime, blob.size, found.failed, found.held) };
}

function lines(part: DataNode, look: Look, placeholder: Placeholder): string[] {
  if (!isBlob(part)) {
    return [read(part)];
  }
  const found = textIn(part, look, placeholder);
  return typeof found === 'string' ? (JSON.parse(found) as string[]) : [found.missing];
}

function readData(
  data: Record<string, DataNode>,
  look: Look,
  placeholder: Placeholder
): nbformat.IMimeBundle {
  const bundle: Record<string, PartialJSONValue> = {};
  let instead: string | null = null;
  for (const [mime, value] of Object.entries(data)) {
    if (!isBlob(value)) {
      const json = (value as { json?: unknown }).json;
      bundle[mime] = json === undefined ? read(value) : (parseJson(json) as PartialJSONValue);
      continue;
    }
    const found = look(value);
    if (typeof found !== 'string') {
      instead ??= placeholder(mime, value.size, found.failed, found.held);
    } else {
      bundle[mime] = encodingOf(value) === 'json' ? (JSON.parse(found) as PartialJSONValue) : found;
    }
  }
  if (instead !== null) {
    // Nothing is rendered in preference to text/plain, so that the missing part is visible.
    return { 'text/plain': instead };
  }
  return bundle as nbformat.IMimeBundle;
}

function blobsOf(node: OutputNode): BlobNode[] {
  const error = [...(node.evalue === undefined ? [] : [node.evalue]), ...(node.traceback ?? [])];
  return [...(node.chunks ?? []), ...Object.values(node.data ?? {}), ...error].filter(isBlob);
}

function isBlob(value: DataNode): value is BlobNode {
  return 'blob' in value;
}

function isStream(output: nbformat.IOutput): output is nbformat.IStream {
  return output.output_type === 'stream';
}

function textOf(stream: nbformat.IStream): string {
  return typeof stream.text === 'string' ? stream.text : stream.text.join('');
}

/** The change of a view from one list of outputs to the next. */
export interface OutputsChange {
  /** Changes the end of the last output's text. */
  stream?: Delta<string>;
  outputs?: Delta<nbformat.IOutput[]>;
}

/**
 * Returns the smallest change that JupyterLab's output area follows correctly: growth at the end of
 * the list or of its last stream, or a new ending of its last stream; any other change replaces the
 * whole list. Null if nothing changed.
 */
export function changeOutputs(
  before: readonly nbformat.IOutput[],
  after: readonly nbformat.IOutput[]
): OutputsChange | null {
  const kept = commonStart(before, after);
  if (kept === before.length && kept === after.length) {
    return null;
  }
  if (kept === before.length) {
    return { outputs: append(kept, after.slice(kept)) };
  }
  const old = before[kept];
  const now = after[kept];
  if (kept === before.length - 1 && old !== undefined && now !== undefined) {
    const stream = changeStream(old, now);
    if (stream !== null) {
      const more = after.slice(kept + 1);
      return more.length > 0 ? { stream, outputs: append(kept + 1, more) } : { stream };
    }
  }
  const whole: Delta<nbformat.IOutput[]> = [{ delete: before.length }];
  return { outputs: after.length > 0 ? [...whole, { insert: [...after] }] : whole };
}

function append(kept: number, added: nbformat.IOutput[]): Delta<nbformat.IOutput[]> {
  return kept > 0 ? [{ retain: kept }, { insert: added }] : [{ insert: added }];
}

function commonStart(a: readonly nbformat.IOutput[], b: readonly nbformat.IOutput[]): number {
  const most = Math.min(a.length, b.length);
  let at = 0;
  while (at < most && sameOutput(a[at], b[at])) {
    at++;
  }
  return at;
}

/** Whether two outputs have the same content; lists of lines equal their text. */
export function sameOutputs(
  some: readonly nbformat.IOutput[],
  others: readonly nbformat.IOutput[]
): boolean {
  return some.length === others.length && some.every((output, i) => sameOutput(output, others[i]));
}

function sameOutput(a?: nbformat.IOutput, b?: nbformat.IOutput): boolean {
  if (a === b) {
    return true;
  }
  if (a === undefined || b === undefined) {
    return false;
  }
  if (isStream(a) && isStream(b)) {
    return a.name === b.name && textOf(a) === textOf(b);
  }
  return JSONExt.deepEqual(a, b);
}

function changeStream(before: nbformat.IOutput, after: nbformat.IOutput): Delta<string> | null {
  if (!isStream(before) || !isStream(after) || before.name !== after.name) {
    return null;
  }
  const old = textOf(before);
  const now = textOf(after);
  if (now.startsWith(old)) {
    return [{ retain: old.length }, { insert: now.slice(old.length) }];
  }
  // The output area has already interpreted control characters, so the length of its text is not
  // ours.
  if (/[\r\b]/.test(old) || /[\r\b]/.test(now)) {
    return null;
  }
  let same = 0;
  while (same < old.length && old.charCodeAt(same) === now.charCodeAt(same)) {
    same++;
  }
  const ending: Delta<string> = [{ retain: same }, { delete: old.length - same }];
  return same < now.length ? [...ending, { insert: now.slice(same) }] : ending;
}
