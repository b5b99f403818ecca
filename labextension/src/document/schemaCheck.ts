/**
 * Gives readers a reliable notebook document, even if the document breaks the schema.
 *
 * The server refuses changes that break the schema, and repairs the documents that it opens; only a
 * fault damages a document. A part of a wrong type then reads as an empty part, and a cell that is
 * not a map is left out. Sound parts keep their identity, so that caches and comparisons hold.
 */
import { isImmutableString, str } from './automerge';
import { isPosition } from './fractionalIndex';
import type { CellNode, JsonMap, NotebookNode, Str } from './schema';

const LONGEST_POSITION = 256;
/** A cell of unknown type becomes a raw cell because nothing runs it. */
const UNTYPED = 'raw';

const cells = new WeakMap<object, CellNode>();
const maps = new WeakMap<object, Record<string, CellNode>>();
const notebooks = new WeakMap<object, NotebookNode>();

/** Returns the readable part of the notebook; `notebook` itself if it is sound. */
export function readable(notebook: NotebookNode): NotebookNode {
  let known = notebooks.get(notebook);
  if (known === undefined) {
    known = readNotebook(notebook);
    notebooks.set(notebook, known);
  }
  return known;
}

function readNotebook(notebook: NotebookNode): NotebookNode {
  const metadata = readEntries(notebook.metadata);
  const extra = readEntries(notebook.extra);
  const all = readCells(notebook.cells);
  const minor: unknown = notebook.nbformat_minor;
  const isMinor = minor === undefined || (Number.isInteger(minor) && Number(minor) >= 0);
  const sound =
    isMinor && metadata === notebook.metadata && extra === notebook.extra && all === notebook.cells;
  if (sound) {
    return notebook;
  }
  const { nbformat_minor, ...rest } = notebook;
  const known = isMinor && nbformat_minor !== undefined ? { nbformat_minor } : {};
  return { ...rest, ...known, metadata, extra, cells: all };
}

function readCells(raw: unknown): Record<string, CellNode> {
  if (!isMap(raw)) {
    return {};
  }
  let known = maps.get(raw);
  if (known === undefined) {
    const found = Object.entries(raw).map(([id, cell]) => [id, cell, readCell(cell)] as const);
    known = found.every(([, cell, read]) => cell === read)
      ? (raw as Record<string, CellNode>)
      : Object.fromEntries(found.flatMap(([id, , read]) => (read === null ? [] : [[id, read]])));
    maps.set(raw, known);
  }
  return known;
}

function readCell(raw: unknown): CellNode | null {
  if (!isMap(raw)) {
    return null;
  }
  let known = cells.get(raw);
  if (known === undefined) {
    const parts = {
      cell_type: isText(raw['cell_type']) ? raw['cell_type'] : str(UNTYPED),
      position: isPlace(raw['position']) ? raw['position'] : str(''),
      source: readSource(raw['source']),
      metadata: readEntries(raw['metadata']),
      attachments: readEntries(raw['attachments']),
      extra: readEntries(raw['extra'])
    };
    const sound = Object.entries(parts).every(([key, part]) => raw[key] === part);
    known = sound ? (raw as unknown as CellNode) : parts;
    cells.set(raw, known);
  }
  return known;
}

function readSource(raw: unknown): string {
  if (typeof raw === 'string') {
    return raw;
  }
  return isText(raw) ? raw.val : '';
}

/** The entries of a map that are JSON text. */
function readEntries(raw: unknown): JsonMap {
  if (!isMap(raw)) {
    return {};
  }
  const entries = Object.entries(raw);
  return entries.every(([, value]) => isText(value))
    ? (raw as JsonMap)
    : Object.fromEntries(entries.filter((entry): entry is [string, Str] => isText(entry[1])));
}

function isPlace(value: unknown): value is Str {
  return isText(value) && value.val.length <= LONGEST_POSITION && isPosition(value.val);
}

function isText(value: unknown): value is Str {
  return isImmutableString(value);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isText(value);
}
