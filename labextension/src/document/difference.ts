/**
 * The difference of two states of a notebook, cell by cell, for display.
 *
 * Pure: it reads documents and changes none. Orders and texts are those of the two states.
 */
import type { Doc } from './automerge';
import * as am from './automerge';
import type { CellEdit, NotebookEdit } from './patches';
import { diffNotebook, groupNotebook } from './patches';
import type { CellNode, NotebookNode } from './schema';
import { cellOrder, own, typeOf } from './schema';

export interface CellDifference {
  id: string;
  type: 'code' | 'markdown' | 'raw';
  /** The text before and after; null if the cell did not exist. */
  before: string | null;
  after: string | null;
  moved: boolean;
  /** Whether the type, metadata or attachments differ. */
  other: boolean;
}

type Notebook = Doc<NotebookNode>;

/** Returns the cells that differ between two versions; null while one of them is unknown here. */
export function between(
  notebook: NotebookNode,
  from: string[],
  to: string[]
): CellDifference[] | null {
  const doc = notebook as Notebook;
  if (!am.hasHeads(doc, from) || !am.hasHeads(doc, to)) {
    return null;
  }
  const before = am.view(doc, from);
  const after = am.view(doc, to);
  return differences(before, after, groupNotebook(am.diff(doc, from, to), before, after));
}

/**
 * Returns the content of a copy that `notebook` lacks: `after` is the text in the copy, `before`
 * the text in `notebook`. `copy` is a whole saved document; throws if it is not.
 */
export function lacking(notebook: NotebookNode, copy: Uint8Array): CellDifference[] {
  const mine = am.load<NotebookNode>(copy);
  const found = changed(notebook as Notebook, mine)
    .map(cell => ({ ...cell, after: own(mine.cells, cell.id)?.source ?? null }))
    .filter(cell => cell.before !== cell.after);
  am.free(mine);
  return found;
}

/**
 * Returns the effect of the changes that only `mine` has; if the two share no history, their
 * difference.
 */
function changed(notebook: Notebook, mine: Notebook): CellDifference[] {
  const both = am.clone(notebook);
  const before = am.getHeads(both);
  const known = am.getHeads(mine).filter(head => am.hasHeads(both, [head]));
  try {
    const [merged] = am.applyChanges(both, am.getChangesSince(mine, known));
    const edit = groupNotebook(am.diff(merged, before, am.getHeads(merged)), notebook, merged);
    return differences(notebook, merged, edit);
  } catch {
    return differences(notebook, mine, diffNotebook(notebook, mine));
  } finally {
    am.free(both);
  }
}

function differences(
  before: NotebookNode,
  after: NotebookNode,
  edit: NotebookEdit
): CellDifference[] {
  return inOrder(before, after).flatMap(id => {
    const was = own(before.cells, id);
    const is = own(after.cells, id);
    const here = edit.edited.get(id);
    const touched = here !== undefined || edit.created.has(id) || edit.deleted.has(id);
    return touched ? [difference(id, was, is, here)] : [];
  });
}

function difference(
  id: string,
  was: CellNode | undefined,
  is: CellNode | undefined,
  edit: CellEdit | undefined
): CellDifference {
  const other =
    edit !== undefined && (edit.retyped || edit.metadata.size + edit.attachments.size > 0);
  return {
    id,
    type: typeOf(is ?? was),
    before: was?.source ?? null,
    after: is?.source ?? null,
    moved: edit?.moved ?? false,
    other
  };
}

/** Orders cells from top to bottom; a deleted cell stands below its former upper neighbour. */
function inOrder(before: NotebookNode, after: NotebookNode): string[] {
  const order = cellOrder(after.cells);
  let above = -1;
  for (const id of cellOrder(before.cells)) {
    const at = order.indexOf(id);
    if (at >= 0) {
      above = at;
    } else {
      order.splice(++above, 0, id);
    }
  }
  return order;
}
