/**
 * Text as ChangeSets: CodeMirror's own values for edits, used from the documents to the editors.
 */
import type { Delta } from '@jupyter/ydoc';
import { ChangeSet, Text } from '@codemirror/state';

/**
 * Splits text at line feeds only: a lone carriage return stays a character, so that lengths agree
 * everywhere.
 */
export function toText(source: string): Text {
  return Text.of(source.split('\n'));
}

export function fromText(text: Text): string {
  return text.sliceString(0, text.length, '\n');
}

/** Replaces line ends by `\n`, the only line end of a document. */
export function normalizeLines(source: string | readonly string[] | undefined): string {
  const text = typeof source === 'string' ? source : (source ?? []).join('');
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

/** Normalises a new cell text, unless the cell has carriage returns that must stay. */
export function adopted(before: string, given: string | readonly string[] | undefined): string {
  const text = typeof given === 'string' ? given : (given ?? []).join('');
  return before.includes('\r') ? text : normalizeLines(text);
}

/** Replaces [from, to) of a text of `length` UTF-16 units. */
export function replacement(length: number, from: number, to: number, insert: string): ChangeSet {
  return ChangeSet.of({ from, to, insert: toText(insert) }, length);
}

/** Returns one replacement between the common start and the common end of both texts. */
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

/** Returns `theirs` rebased over the edit from `base` to `mine`. */
export function mergeText(base: string, mine: string, theirs: string): string {
  const changes = coarseDiff(base, mine).map(coarseDiff(base, theirs));
  return fromText(changes.apply(toText(theirs)));
}
