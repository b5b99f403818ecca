/**
 * Moving what was done here onto a fresh copy of the notebook.
 *
 * A peer whose change was refused, or whose server began a new line of history, holds a document
 * that cannot be sent. Its *intent* since the last shared heads is read off and written again as one
 * change; nothing typed is dropped: text goes where the surrounding text went, and a cell that
 * others deleted comes back whole when there was typing in it.
 */
import type { ChangeSet } from '@codemirror/state';
import type { Doc } from './automerge';
import * as am from './automerge';
import type { NotebookEdit } from './patches';
import { diffNotebook, groupNotebook } from './patches';
import type { Rebased } from './replica';
import type { CellNode, NotebookNode } from './schema';
import { copyCell, NO_NOTEBOOK, own } from './schema';
import { coarseDiff } from './text';
import type { EntryPath } from './writes';
import { changeText, deleteCell, getEntry, putCell, setEntry, setText } from './writes';

export interface Intent {
  before: NotebookNode;
  after: NotebookNode;
  edit: NotebookEdit;
}

/** What a document says beyond `base`; nothing when it does not know these heads. */
export function intentSince(doc: Doc<NotebookNode> | null, base: string[]): Intent {
  if (doc === null || base.length === 0 || !am.hasHeads(doc, base)) {
    const nothing = doc ?? NO_NOTEBOOK;
    return { before: nothing, after: nothing, edit: diffNotebook(nothing, nothing) };
  }
  const before = am.view(doc, base);
  const patches = am.diff(doc, base, am.getHeads(doc));
  return { before, after: doc, edit: groupNotebook(patches, before, doc) };
}

/** Writes `intent` on top of `fresh`, as one change. */
export function reapply(
  fresh: Doc<NotebookNode>,
  intent: Intent,
  base: string[]
): { doc: Doc<NotebookNode>; rebased: Rebased } {
  const rebased: Rebased = {
    edited: [],
    added: [],
    deleted: [],
    moved: [],
    metadata: [],
    revived: [],
    dropped: []
  };
  const theirs = theirEdits(fresh, intent, base);
  const doc = am.change(fresh, draft => {
    for (const id of intent.edit.created) {
      addAgain(draft, id, own(intent.after.cells, id), rebased);
    }
    for (const id of intent.edit.deleted) {
      if (own(draft.cells, id) !== undefined) {
        deleteCell(draft, id);
        rebased.deleted.push(id);
      }
    }
    for (const id of intent.edit.edited.keys()) {
      editAgain(draft, id, intent, theirs, rebased);
    }
    for (const key of intent.edit.metadata) {
      entryAgain(draft, ['metadata', key], intent.after, rebased);
    }
  });
  return { doc, rebased };
}

/** How others changed each cell's text since `base`: exactly, when the fresh copy knows `base`. */
function theirEdits(
  fresh: Doc<NotebookNode>,
  intent: Intent,
  base: string[]
): (id: string) => ChangeSet | null {
  if (base.length > 0 && am.hasHeads(fresh, base)) {
    const patches = am.diff(fresh, base, am.getHeads(fresh));
    const edit = groupNotebook(patches, am.view(fresh, base), fresh);
    return id => edit.edited.get(id)?.text ?? null;
  }
  return id => {
    const old = own(intent.before.cells, id);
    const now = own(fresh.cells, id);
    return old === undefined || now === undefined ? null : coarseDiff(old.source, now.source);
  };
}

function addAgain(
  draft: NotebookNode,
  id: string,
  cell: CellNode | undefined,
  rebased: Rebased
): void {
  if (cell === undefined) {
    return;
  }
  if (own(draft.cells, id) === undefined) {
    putCell(draft, id, copyCell(cell));
    rebased.added.push(id);
  } else {
    setText(draft, id, cell.source);
    rebased.edited.push(id);
  }
}

function editAgain(
  draft: NotebookNode,
  id: string,
  intent: Intent,
  theirs: (id: string) => ChangeSet | null,
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
      rebased.revived.push(id);
    }
    return;
  }
  if (edit.text !== null) {
    const moved = theirs(id);
    const text = moved?.length === edit.text.length ? edit.text.map(moved) : edit.text;
    if (text.length === now.source.length) {
      changeText(draft, id, text);
    } else {
      setText(draft, id, mine.source);
    }
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
