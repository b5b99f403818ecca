/**
 * The parts of Automerge's change chunks that the protocol reads: a chunk begins with four magic
 * bytes and the first four bytes of its change hash.
 */
import type { Bytes } from './frames';

const MAGIC = [0x85, 0x6f, 0x4a, 0x83];
const HEAD_BYTES = 8;

/** The first eight hex digits of the change's hash; '' if these bytes are not a chunk. */
export function hashStart(chunk: Bytes): string {
  if (chunk.length < HEAD_BYTES || MAGIC.some((byte, at) => chunk[at] !== byte)) {
    return '';
  }
  return hex(chunk.subarray(4, HEAD_BYTES));
}

export function hex(bytes: Bytes): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * The server takes a million operations in a frame; a change made here has less than half of that.
 */
const OPERATIONS = 500_000;

/**
 * Joins chunks, made here one after another, into runs of at most `cap` bytes each, and of no more
 * operations than the server takes; a chunk over the cap stands alone, and so does a compressed one.
 */
export function joined(chunks: readonly Bytes[], cap: number, operations = OPERATIONS): Bytes[] {
  const runs: Bytes[][] = [];
  let room = 0;
  let first = 0;
  for (const chunk of chunks) {
    const start = startOp(chunk);
    if (runs.length === 0 || chunk.length > room || !(start - first < operations)) {
      runs.push([]);
      room = cap;
      first = start;
    }
    runs.at(-1)?.push(chunk);
    room -= chunk.length;
  }
  return runs.map(concat);
}

const PLAIN = 1;
const TYPE_AT = 8;
const HASH_BYTES = 32;

/** The number of a change's first operation; NaN where it cannot be read without unpacking. */
function startOp(chunk: Bytes): number {
  if (chunk[TYPE_AT] !== PLAIN) {
    return NaN;
  }
  let at = TYPE_AT + 1;
  const number = (): number => {
    let [value, scale, byte] = [0, 1, 0x80];
    for (; byte >= 0x80; scale *= 128) {
      byte = chunk[at++] ?? 0;
      value += (byte & 0x7f) * scale;
    }
    return value;
  };
  number(); // the length of what follows
  const deps = number();
  at += deps * HASH_BYTES;
  const actor = number();
  at += actor;
  number(); // the actor's own count of changes
  return number();
}

export function concat(parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
