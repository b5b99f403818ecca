/**
 * Moves local edits onto a fresh copy of the notebook.
 *
 * After a refused change, or when the server began a new line of history, a peer holds a document
 * that it cannot send. This module reads the meaning of the peer's own changes and writes it again
 * as one change. Typed text is never dropped: it moves with the surrounding text, and a cell that
 * others deleted comes back whole if it holds local typing.
 */
import { ChangeSet } from '@codemirror/state';
import type { Doc } from './automerge';
import * as am from './automerge';
import type { NotebookEdit } from './patches';
import { groupNotebook } from './patches';
import { changeInPieces, isFull } from './largeEdits';
import type { Rebased } from './replica';
import type { NotebookNode } from './schema';
import { copyCell, own } from './schema';
import { readable } from './schemaCheck';
import { coarseDiff, fromText, toText } from './text';
import type { EntryPath } from './writes';
import { changeText, deleteCell, getEntry, putCell, setEntry, setText } from './writes';

/** A sequence of own changes with the heads before and after it. */
interface Step {
  from: string[];
  to: string[];
}

interface Intent {
  before: NotebookNode;
  after: NotebookNode;
  edit: NotebookEdit;
}

/**
 * Writes the meaning of the `own` changes of `old` that `fresh` lacks on top of `fresh`, as one
 * change, or as several if the edits are large.
 *
 * Each own change is compared with the version on which it was made. Changes of others are left out
 * because their authors send them. `sameLine`: both documents have one history.
 */
export function reapply(
  fresh: Doc<NotebookNode>,
  old: Doc<NotebookNode>,
  own: readonly Uint8Array[],
  sameLine: boolean
): { doc: Doc<NotebookNode>; made: Uint8Array[]; rebased: Rebased } {
  const rebased: Rebased = {
    edited: [],
    added: [],
    deleted: [],
    moved: [],
    metadata: [],
    revived: [],
    dropped: []
  };
  const steps = stepsOf(own, fresh);
  if (steps.length === 0) {
    return { doc: fresh, made: [], rebased };
  }
  const walk = new Walk(old, fresh, sameLine);
  const made: Uint8Array[] = [];
  const write = (draft: NotebookNode): void => {
    // A step builds on the text of the former step, so waiting writes come first.
    for (let step = steps[0]; step !== undefined && !isFull(draft); step = steps[0]) {
      steps.shift();
      walk.others(step.from);
      writeAgain(draft, walk.own(step.to), walk, rebased);
    }
  };
  let doc = fresh;
  while (steps.length > 0) {
    doc = changeInPieces(doc, write, change => made.push(change));
  }
  walk.dispose();
  for (const told of ['edited', 'added', 'deleted', 'moved', 'metadata', 'revived'] as const) {
    rebased[told] = [...new Set(rebased[told])];
  }
  return { doc, made, rebased };
}

function stepsOf(own: readonly Uint8Array[], fresh: Doc<NotebookNode>): Step[] {
  const steps: Step[] = [];
  for (const { hash, deps } of own.map(change => am.decodeChange(change))) {
    const last = steps.at(-1);
    if (am.hasHeads(fresh, [hash])) {
      continue;
    }
    if (last !== undefined && deps.join() === last.to.join()) {
      last.to = [hash];
    } else {
      steps.push({ from: deps, to: [hash] });
    }
  }
  return steps;
}

/**
 * The way from the fresh copy through every own step, along the history of both.
 *
 * For each cell, the way also holds the exact difference between the new text and the text at this
 * point, so that two equal words are never confused. Another line of history has no way, and texts
 * are compared instead.
 */
class Walk {
  private at: string[] | null;
  private readonly both: Doc<NotebookNode>;
  private readonly beside = new Map<string, ChangeSet>();

  constructor(
    old: Doc<NotebookNode>,
    fresh: Doc<NotebookNode>,
    private readonly sameLine: boolean
  ) {
    this.both = am.clone(old);
    this.at = null;
    if (sameLine) {
      const heads = am.getHeads(fresh);
      const known = heads.filter(head => am.hasHeads(old, [head]));
      [this.both] = am.applyChanges(this.both, am.getChangesSince(fresh, known));
      this.at = heads;
      for (const [id, cell] of Object.entries(readable(fresh).cells)) {
        this.beside.set(id, ChangeSet.empty(cell.source.length));
      }
    }
  }

  /** Advances to `heads` through changes that are not written again. */
  others(heads: string[]): void {
    if (this.at !== null) {
      const { before, edit } = this.between(this.at, heads);
      for (const [id, beside] of this.beside) {
        const text = edit.edited.get(id)?.text ?? null;
        const was = own(before.cells, id);
        if (edit.created.has(id) || edit.deleted.has(id)) {
          this.beside.delete(id);
        } else if (text !== null && was !== undefined) {
          this.beside.set(id, text.invert(toText(was.source)).compose(beside));
        }
      }
    }
    this.at = heads;
  }

  /** Advances to `heads` through local changes. */
  own(heads: string[]): Intent {
    const intent = this.between(this.at ?? [], heads);
    this.at = heads;
    return intent;
  }

  /**
   * Returns the own edit of a cell's text relative to `now`; null if the way does not determine it.
   */
  edit(id: string, intent: Intent, now: string): ChangeSet | null {
    const text = intent.edit.edited.get(id)?.text ?? null;
    const was = own(intent.before.cells, id)?.source;
    const mine = own(intent.after.cells, id)?.source;
    if (text === null || was === undefined || mine === undefined) {
      return null;
    }
    const known = this.beside.get(id);
    const fits = known?.length === was.length && known.newLength === now.length;
    const beside = fits ? known : coarseDiff(was, now);
    if (!this.sameLine) {
      const missing = mine === now ? ChangeSet.empty(now.length) : lacking(text, beside, now);
      this.beside.set(id, coarseDiff(mine, fromText(missing.apply(toText(now)))));
      return missing;
    }
    this.beside.set(id, beside.map(text, true));
    return text.map(beside);
  }

  /** Records that the text of this cell was written in another way. */
  wrote(id: string, intent: Intent, now: string): void {
    this.beside.set(id, coarseDiff(own(intent.after.cells, id)?.source ?? '', now));
  }

  dispose(): void {
    am.free(this.both);
  }

  private between(from: string[], to: string[]): Intent {
    const before = readable(am.view(this.both, from));
    const after = readable(am.view(this.both, to));
    return { before, after, edit: groupNotebook(am.diff(this.both, from, to), before, after) };
  }
}

function writeAgain(draft: NotebookNode, intent: Intent, walk: Walk, rebased: Rebased): void {
  for (const id of intent.edit.created) {
    addAgain(draft, id, intent, walk, rebased);
  }
  for (const id of intent.edit.deleted) {
    if (own(draft.cells, id) !== undefined) {
      deleteCell(draft, id);
      rebased.deleted.push(id);
    }
  }
  for (const id of intent.edit.edited.keys()) {
    editAgain(draft, id, intent, walk, rebased);
  }
  for (const key of intent.edit.metadata) {
    entryAgain(draft, ['metadata', key], intent.after, rebased);
  }
}

function addAgain(
  draft: NotebookNode,
  id: string,
  intent: Intent,
  walk: Walk,
  rebased: Rebased
): void {
  const cell = own(intent.after.cells, id);
  if (cell === undefined) {
    return;
  }
  const there = own(draft.cells, id)?.source;
  if (there === undefined) {
    putCell(draft, id, copyCell(cell));
    rebased.added.push(id);
  } else {
    setText(draft, id, withBoth(there, cell.source));
    rebased.edited.push(id);
  }
  walk.wrote(id, intent, there === undefined ? cell.source : withBoth(there, cell.source));
}

/**
 * Returns the part of the own edit `text` that `now` lacks; `beside` is the difference that led to
 * `now`.
 *
 * The file from which another line of history began may already contain unacknowledged words. Text
 * that stands where the user typed it is therefore not written again.
 */
function lacking(text: ChangeSet, beside: ChangeSet, now: string): ChangeSet {
  const changes: { from: number; to: number; insert: string }[] = [];
  text.map(beside).iterChanges((from, to, _fromB, _toB, inserted) => {
    let [typed, at] = [fromText(inserted), from];
    beside.iterChanges((_fromA, _toA, start, end) => {
      const there = now.slice(start, end);
      if (there === '' || from < start || from > end) {
        return;
      }
      if (there.startsWith(typed) || there.endsWith(typed)) {
        typed = '';
      } else if (typed.startsWith(there)) {
        [typed, at] = [typed.slice(there.length), end];
      } else if (typed.endsWith(there)) {
        [typed, at] = [typed.slice(0, -there.length), start];
      }
    });
    if (to > from) {
      changes.push({ from, to, insert: '' });
    }
    changes.push({ from: at, to: at, insert: typed });
  });
  return ChangeSet.of(changes, now.length);
}

/**
 * A cell whose creation was lost, and that the user typed in, is written again, so no words are
 * lost.
 */
function withBoth(theirs: string, mine: string): string {
  if (theirs.includes(mine)) {
    return theirs;
  }
  return mine.includes(theirs) ? mine : theirs + mine;
}

function editAgain(
  draft: NotebookNode,
  id: string,
  intent: Intent,
  walk: Walk,
  rebased: Rebased
): void {
  const edit = intent.edit.edited.get(id);
  const mine = own(intent.after.cells, id);
  if (edit === undefined || mine === undefined) {
    return;
  }
  const now = own(draft.cells, id);
  if (now === undefined) {
    if (edit.text === null) {
      rebased.dropped.push({ cell: id, reason: 'the cell was deleted by others' });
    } else {
      putCell(draft, id, copyCell(mine));
      walk.wrote(id, intent, mine.source);
      rebased.revived.push(id);
    }
    return;
  }
  const text = walk.edit(id, intent, now.source);
  if (text !== null) {
    changeText(draft, id, text);
    rebased.edited.push(id);
  }
  if (edit.moved) {
    setEntry(draft, ['cells', id, 'position'], am.read(mine.position));
    rebased.moved.push(id);
  }
  if (edit.retyped) {
    setEntry(draft, ['cells', id, 'cell_type'], am.read(mine.cell_type));
  }
  for (const key of edit.metadata) {
    entryAgain(draft, ['cells', id, 'metadata', key], intent.after, rebased);
  }
  for (const name of edit.attachments) {
    entryAgain(draft, ['cells', id, 'attachments', name], intent.after, rebased);
  }
}

function entryAgain(
  draft: NotebookNode,
  path: EntryPath,
  after: NotebookNode,
  rebased: Rebased
): void {
  setEntry(draft, path, getEntry(after, path));
  rebased.metadata.push(path[0] === 'metadata' ? path[1] : `${path[1]} ${path[3] ?? path[2]}`);
}
