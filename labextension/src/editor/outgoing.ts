/** From an editor to a cell: typed text, as one edit. */
import type { ChangeSet, Text } from '@codemirror/state';
import type { ViewUpdate } from '@codemirror/view';
import { cutsPair, fromText } from '../document/text';
import { fromCell } from './origin';
import type { EditorSource } from './source';

/**
 * Hands an update of an editor to its cell. False when the editor may not hold the cell's text
 * afterwards: the edit was refused, or cut a character that the document keeps whole.
 */
export function toCell(update: ViewUpdate, cell: EditorSource, binding: object): boolean {
  const mine = update.transactions.filter(tr => tr.docChanged);
  let sound = true;
  for (const tr of mine) {
    if (tr.annotation(fromCell) !== binding) {
      const taken = cell.applyEditorChange(tr.changes, tr.startState.doc, binding);
      sound &&= taken && !breaksCharacters(tr.changes, tr.startState.doc);
    }
  }
  return sound && cell.getSource().length === update.state.doc.length;
}

function breaksCharacters(changes: ChangeSet, before: Text): boolean {
  let breaks = false;
  changes.iterChanges((fromA, toA, _fromB, _toB, inserted) => {
    breaks ||= cutsAt(before, fromA) || cutsAt(before, toA) || !isWhole(fromText(inserted));
  });
  return breaks;
}

function cutsAt(doc: Text, at: number): boolean {
  return at > 0 && at < doc.length && cutsPair(doc.sliceString(at - 1, at + 1), 1);
}

function isWhole(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
