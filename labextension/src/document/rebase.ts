/**
 * Moving what was done here onto a fresh copy of the notebook.
 *
 * A peer whose change was refused, or whose server began a new line of history, holds a document
 * that cannot be sent. What its own changes meant is read off and written again as one
 * change; nothing typed is dropped: text goes where the surrounding text went, and a cell that
 * others deleted comes back whole when there was typing in it.
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

/** Own changes in a row: what they build on, and where they lead. */
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
 * Writes what the `own` changes of `old` meant, and `fresh` lacks, on top of `fresh`, as one
 * change, or several of large edits.
 *
 * Only own changes, each against what it was made upon: what others wrote and `fresh` lacks is
 * brought by them. `sameLine`: both documents have one history.
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
    // A step builds on the text that the former left: one that waits to be written comes first.
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
 * Beside it goes, for each cell, how the text that is being written differs from the text at this
 * point of the way: exactly, so that equal words are never taken for each other. On another line of
 * history there is no way, and texts are compared.
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

  /** Goes on to `heads` by what is not to be written. */
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

  /** Goes on to `heads` by what was done here. */
  own(heads: string[]): Intent {
    const intent = this.between(this.at ?? [], heads);
    this.at = heads;
    return intent;
  }

  /** The own edit of a cell's text as it is to be made in `now`; null if that cannot be told. */
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

  /** The text of this cell was written otherwise. */
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
 * What of the own edit `text` the text `now` lacks, where `beside` tells how `now` came about.
 *
 * The file from which another line of history began may have been saved with words that were never
 * acknowledged: what stands at the place where it was typed is not typed again.
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

/** Somebody who typed in a cell whose making was lost has written it anew: nobody's words go. */
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
