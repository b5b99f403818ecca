/** Edits of the vectors, described by meaning. Positions count code points. */
import * as am from '../../src/document/automerge';
import type { NotebookNode } from '../../src/document/schema';
import { cellOrder, own } from '../../src/document/schema';
import { deleteCell, placesAt, putCell, setEntry } from '../../src/document/writes';

export type Edit =
  | { insert: string; cell: string; at: number }
  | { delete: number; cell: string; at: number }
  | { add: string; source: string; after: string | null }
  | { 'delete cell': string }
  | { 'move cell': string; after: string | null }
  | { retype: string; to: string }
  | { metadata: string; value: string | null; cell?: string }
  | { attachment: string; value: string | null; cell: string };

export function write(draft: NotebookNode, edit: Edit): void {
  if ('insert' in edit) {
    am.splice(draft, ['cells', edit.cell, 'source'], unit(draft, edit, edit.at), 0, edit.insert);
  } else if ('delete' in edit) {
    const [from, to] = [unit(draft, edit, edit.at), unit(draft, edit, edit.at + edit.delete)];
    am.splice(draft, ['cells', edit.cell, 'source'], from, to - from);
  } else if ('add' in edit) {
    const [position] = placesAt(draft, cellOrder(draft.cells), indexAfter(draft, edit.after), 1);
    putCell(draft, edit.add, newCell('code', edit.source, position ?? ''));
  } else if ('delete cell' in edit) {
    deleteCell(draft, edit['delete cell']);
  } else if ('move cell' in edit) {
    const id = edit['move cell'];
    const order = cellOrder(draft.cells).filter(other => other !== id);
    const index = edit.after === null ? 0 : order.indexOf(edit.after) + 1;
    setEntry(draft, ['cells', id, 'position'], placesAt(draft, order, index, 1)[0] ?? null);
  } else if ('retype' in edit) {
    setEntry(draft, ['cells', edit.retype, 'cell_type'], edit.to);
  } else if ('attachment' in edit) {
    setEntry(draft, ['cells', edit.cell, 'attachments', edit.attachment], edit.value);
  } else if (edit.cell === undefined) {
    setEntry(draft, ['metadata', edit.metadata], edit.value);
  } else {
    setEntry(draft, ['cells', edit.cell, 'metadata', edit.metadata], edit.value);
  }
}

export function newCell(
  type: string,
  source: string,
  position: string
): NotebookNode['cells'][string] {
  const [cell_type, place] = [am.str(type), am.str(position)];
  return { cell_type, position: place, source, metadata: {}, attachments: {}, extra: {} };
}

function indexAfter(draft: NotebookNode, after: string | null): number {
  return after === null ? 0 : cellOrder(draft.cells).indexOf(after) + 1;
}

/** The UTF-16 unit at which a code point begins. */
function unit(draft: NotebookNode, { cell }: { cell: string }, point: number): number {
  return Array.from(own(draft.cells, cell)?.source ?? '')
    .slice(0, point)
    .join('').length;
}
