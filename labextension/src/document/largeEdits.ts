/**
 * Splits large edits into several changes, because each character is an operation and the server
 * takes at most a million operations at once.
 */
import type { Doc, Patch } from './automerge';
import * as am from './automerge';

/** The number of characters that one change of a larger edit inserts and deletes. */
export const LARGE_EDIT_CHARS = 400_000;

type Write<T> = (draft: T) => void;

interface Open {
  piece: number;
  later: Write<never>[];
}

const open = new WeakMap<object, Open>();

/**
 * Returns the part of a large edit that fits into the open change; all of it outside of a change.
 */
export function pieceOf(draft: object): number {
  return open.get(draft)?.piece ?? Infinity;
}

/** Whether a write waits for the end of the open change. */
export function isFull(draft: object): boolean {
  return (open.get(draft)?.later.length ?? 0) > 0;
}

/** Queues `write` as a change of its own, after the open change and the earlier queued writes. */
export function writeLater<T extends object>(draft: T, write: Write<T>): void {
  open.get(draft)?.later.push(write);
}

/** `told` is called with each change. An exception in `write` leaves the document unchanged. */
export function changeInPieces<T extends object>(
  doc: Doc<T>,
  write: Write<T>,
  told: (change: Uint8Array, patches: Patch[]) => void,
  piece = LARGE_EDIT_CHARS
): Doc<T> {
  const later: Write<T>[] = [write];
  let now = doc;
  for (let next = later.shift(); next !== undefined; next = later.shift()) {
    const before = now;
    const step = next;
    let patches: Patch[] = [];
    now = am.change(before, { patchCallback: made => (patches = made) }, draft => {
      open.set(draft, { piece, later });
      step(draft);
    });
    const change = now === before ? undefined : am.getLastLocalChange(now);
    if (change !== undefined) {
      told(change, patches);
    }
  }
  return now;
}
