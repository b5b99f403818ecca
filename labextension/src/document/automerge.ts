/**
 * The one door to Automerge in TypeScript: nothing else imports the package.
 *
 * The slim build keeps the WebAssembly out of the script; `startAutomerge` brings it in. It knows
 * nothing of notebooks.
 */
import { ImmutableString, initializeWasm, isImmutableString } from '@automerge/automerge/slim';

export {
  applyChanges,
  change,
  clone,
  decodeChange,
  diff,
  free,
  from,
  getActorId,
  getChangesSince,
  getCursor,
  getCursorPosition,
  getHeads,
  getLastLocalChange,
  hasHeads,
  ImmutableString,
  init,
  isImmutableString,
  load,
  save,
  splice,
  updateText,
  view
} from '@automerge/automerge/slim';
export type { Cursor, Doc, Heads, Patch, Prop } from '@automerge/automerge/slim';

type WasmSource = Parameters<typeof initializeWasm>[0];

let started: Promise<void> | null = null;

/**
 * Compiles the WebAssembly once; every later call gives the same promise.
 *
 * `source` is for places without `fetch` of assets (tests): the bytes, or a promise of a response.
 * A failed start may be tried again.
 */
export function startAutomerge(source: () => WasmSource = shippedWasm): Promise<void> {
  started ??= initializeWasm(source()).catch((error: unknown) => {
    started = null;
    throw error;
  });
  return started;
}

/** The build puts it there compressed, since Jupyter Server sends files as they are. */
function shippedWasm(): WasmSource {
  const response = fetch(new URL('../automerge.wasm.gz', import.meta.url)).then(unpacked);
  // Compiled while it streams in: the loader takes responses, which its types do not say.
  return response as unknown as WasmSource;
}

function unpacked(response: Response): Response {
  // A proxy that declares the compression has the browser undo it.
  const packed = response.headers.get('Content-Encoding') === null;
  if (!response.ok || response.body === null || !packed) {
    return response;
  }
  const bytes = response.body.pipeThrough(new DecompressionStream('gzip'));
  return new Response(bytes, { headers: { 'Content-Type': 'application/wasm' } });
}

/** A scalar string: a plain JavaScript string would become collaborative text. */
export function str(value: string): ImmutableString {
  return new ImmutableString(value);
}

/** The text of a scalar string; '' for any other value, so that a foreign value causes no error. */
export function read(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  return isImmutableString(value) ? value.val : '';
}

/** A JSON value as JSON text; null for undefined, because JSON has no undefined. */
export function jsonText(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** The JSON value in a scalar of JSON text; undefined when it is not JSON. */
export function parseJson(value: unknown): unknown {
  try {
    return JSON.parse(read(value)) as unknown;
  } catch {
    return undefined;
  }
}

const MAGIC = [0x85, 0x6f, 0x4a, 0x83];
const HEADER_BYTES = 9;

/**
 * Cuts concatenated chunks apart: magic, checksum (4), type (1), length (LEB128), body.
 *
 * Automerge's own incremental load skips what it cannot read; here that is a RangeError.
 */
export function splitChunks(data: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  while (at < data.length) {
    const end = chunkEnd(data, at);
    chunks.push(data.subarray(at, end));
    at = end;
  }
  return chunks;
}

function chunkEnd(data: Uint8Array, at: number): number {
  if (MAGIC.some((byte, i) => data[at + i] !== byte)) {
    throw new RangeError(`no Automerge chunk at byte ${at}`);
  }
  let length = 0;
  let cursor = at + HEADER_BYTES;
  for (let scale = 1; ; scale *= 128, cursor++) {
    const byte = data[cursor];
    if (byte === undefined || scale > 2 ** 42) {
      throw new RangeError('an Automerge chunk is cut off in its header');
    }
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      break;
    }
  }
  const end = cursor + 1 + length;
  if (end > data.length) {
    throw new RangeError('an Automerge chunk is cut off');
  }
  return end;
}
