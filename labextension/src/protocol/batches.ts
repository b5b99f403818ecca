/**
 * Several frames in one HTTP body, for connections without a WebSocket: each is preceded by its
 * size as four bytes, the most significant first.
 */
import type { Bytes } from './frames';
import { concat } from './chunks';
import { BadFrame } from './decode';

const SIZE_BYTES = 4;

export function pack(frames: readonly Bytes[]): Bytes {
  return concat(frames.flatMap(frame => [size(frame.length), frame]));
}

/** Throws `BadFrame` if the body ends within a frame. */
export function unpack(body: Bytes): Bytes[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const frames: Bytes[] = [];
  let place = 0;
  while (place < body.length) {
    const start = place + SIZE_BYTES;
    const end = start > body.length ? Infinity : start + view.getUint32(place);
    if (end > body.length) {
      throw new BadFrame('a batch of frames is cut short');
    }
    frames.push(body.slice(start, end));
    place = end;
  }
  return frames;
}

function size(length: number): Bytes {
  const bytes = new Uint8Array(SIZE_BYTES);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}
