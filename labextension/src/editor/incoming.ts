/** From a cell to an editor: each change of the text is one transaction. */
import type { Text, TransactionSpec } from '@codemirror/state';
import { EditorSelection, Transaction } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';
import { coarseDiff, fromText } from '../document/text';
import { fromCell } from './origin';
import type { TextChange } from './source';

/** The transaction that brings a change of a cell's text into an editor of the same text. */
export function toTransaction(
  change: TextChange,
  binding: object,
  focused: boolean
): TransactionSpec {
  const spec: TransactionSpec = {
    changes: change.changes,
    annotations: [
      fromCell.of(binding),
      Transaction.remote.of(!change.undo),
      Transaction.addToHistory.of(false)
    ]
  };
  if (!change.undo || !focused) {
    return spec;
  }
  // Undo of one's own work scrolls into view; edits of others leave the cursor where it is.
  let end = 0;
  change.changes.iterChanges((_fromA, _toA, _fromB, toB) => {
    end = toB;
  });
  const selection = EditorSelection.cursor(end);
  return { ...spec, selection, scrollIntoView: true, userEvent: 'undo' };
}

/** Corrects an editor to the cell's text with the smallest change. */
export function resync(view: EditorView, source: string, binding: object): void {
  const changes = coarseDiff(fromText(view.state.doc), source);
  if (!changes.empty) {
    view.dispatch({
      changes,
      annotations: [
        fromCell.of(binding),
        Transaction.remote.of(true),
        Transaction.addToHistory.of(false)
      ]
    });
  }
}

/** Whether an editor holds this text. */
export function holds(doc: Text, source: string): boolean {
  return doc.length === source.length && fromText(doc) === source;
}
