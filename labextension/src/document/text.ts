/**
 * Text as ChangeSets: CodeMirror's own values for edits, used from the documents to the editors.
 */
import type { Delta } from '@jupyter/ydoc';
import { ChangeSet, Text } from '@codemirror/state';

/** Lines as they are: a lone carriage return stays a character, so that lengths agree everywhere. */
export function toText(source: string): Text {
  return Text.of(source.split('\n'));
}

export function fromText(text: Text): string {
  return text.sliceString(0, text.length, '\n');
}

/** What goes into a document has `\n` only. */
export function normalizeLines(source: string | readonly string[] | undefined): string {
  const text = typeof source === 'string' ? source : (source ?? []).join('');
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

/** What a caller sets as a cell's text: as it is where the cell has carriage returns to keep. */
export function adopted(before: string, given: string | readonly string[] | undefined): string {
  const text = typeof given === 'string' ? given : (given ?? []).join('');
  return before.includes('\r') ? text : normalizeLines(text);
}

/** Replaces [from, to) of a text of `length` UTF-16 units. */
export function replacement(length: number, from: number, to: number, insert: string): ChangeSet {
  return ChangeSet.of({ from, to, insert: toText(insert) }, length);
}

/** One replacement between what both texts share at their start and at their end. */
export function coarseDiff(before: string, after: string): ChangeSet {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before.charCodeAt(start) === after.charCodeAt(start)) {
    start++;
  }
  if (cutsPair(before, start) || cutsPair(after, start)) {
    start--;
  }
  let end = 0;
  while (
    end < most - start &&
    before.charCodeAt(before.length - 1 - end) === after.charCodeAt(after.length - 1 - end)
  ) {
    end++;
  }
  if (cutsPair(before, before.length - end) || cutsPair(after, after.length - end)) {
    end--;
  }
  const inserted = after.slice(start, after.length - end);
  return start === before.length - end && inserted === ''
    ? ChangeSet.empty(before.length)
    : replacement(before.length, start, before.length - end, inserted);
}

/** Whether this place lies inside a surrogate pair. */
export function cutsPair(text: string, at: number): boolean {
  return (
    at > 0 &&
    at < text.length &&
    (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 &&
    (text.charCodeAt(at) & 0xfc00) === 0xdc00
  );
}

/** The edit as JupyterLab's events tell it. */
export function toDelta(changes: ChangeSet): Delta<string> {
  const delta: Delta<string> = [];
  let told = 0;
  changes.iterChanges((fromA, toA, _fromB, _toB, inserted) => {
    if (fromA > told) {
      delta.push({ retain: fromA - told });
    }
    if (inserted.length > 0) {
      delta.push({ insert: fromText(inserted) });
    }
    if (toA > fromA) {
      delta.push({ delete: toA - fromA });
    }
    told = toA;
  });
  return delta;
}

/** `theirs` with what turned `base` into `mine`. */
export function mergeText(base: string, mine: string, theirs: string): string {
  const changes = coarseDiff(base, mine).map(coarseDiff(base, theirs));
  return fromText(changes.apply(toText(theirs)));
}
