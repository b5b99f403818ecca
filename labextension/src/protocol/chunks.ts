/**
 * The little that the wire must know of Automerge's change chunks: a chunk
 * begins with four magic bytes and the first four bytes of its change hash.
 */
import type { Bytes } from './frames';

const MAGIC = [0x85, 0x6f, 0x4a, 0x83];
const HEAD_BYTES = 8;

/** The first eight hex digits of the change's hash; '' if these bytes are no chunk. */
export function hashStart(chunk: Bytes): string {
  if (chunk.length < HEAD_BYTES || MAGIC.some((byte, at) => chunk[at] !== byte)) {
    return '';
  }
  return hex(chunk.subarray(4, HEAD_BYTES));
}

export function hex(bytes: Bytes): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

/** Joins chunks into runs of at most `cap` bytes each, in order; a chunk over the cap stands alone. */
export function joined(chunks: readonly Bytes[], cap: number): Bytes[] {
  const runs: Bytes[][] = [];
  let room = 0;
  for (const chunk of chunks) {
    if (runs.length === 0 || chunk.length > room) {
      runs.push([]);
      room = cap;
    }
    runs.at(-1)?.push(chunk);
    room -= chunk.length;
  }
  return runs.map(concat);
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
