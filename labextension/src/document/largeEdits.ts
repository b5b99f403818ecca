/**
 * Large edits in several changes: each character is an operation, and the server takes a million of
 * them at once.
 */
import type { Doc, Patch } from './automerge';
import * as am from './automerge';

/** Characters that one change puts in and takes out where more are to be written at once. */
export const LARGE_EDIT_CHARS = 400_000;

type Write<T> = (draft: T) => void;

interface Open {
  piece: number;
  later: Write<never>[];
}

const open = new WeakMap<object, Open>();

/** How much of a large edit goes into the change that is being made; all of it outside of one. */
export function pieceOf(draft: object): number {
  return open.get(draft)?.piece ?? Infinity;
}

/** Whether something waits to be written after the change that is being made. */
export function isFull(draft: object): boolean {
  return (open.get(draft)?.later.length ?? 0) > 0;
}

/** Has `write` made as a change of its own, right after this one and what waits already. */
export function writeLater<T extends object>(draft: T, write: Write<T>): void {
  open.get(draft)?.later.push(write);
}

/** `told` hears of each change that was made. An exception in `write` leaves all as it was. */
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
