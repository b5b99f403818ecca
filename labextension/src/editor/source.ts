/**
 * The interface that the editor binding needs of a cell.
 *
 * This file and its neighbours import nothing of Automerge, because editors must be bound even if
 * the WebAssembly never arrives.
 */
import type { ChangeSet, Text } from '@codemirror/state';
import type { ISignal } from '@lumino/signaling';

export interface TextChange {
  changes: ChangeSet;
  /** The author of the change: an editor's own binding, if the change came from there. */
  origin: unknown;
  /** Whether it is an undo or redo of one's own work. */
  undo: boolean;
}

export interface EditorSource {
  readonly isRoomCell: true;
  readonly readOnly: boolean;
  readonly readOnlyChanged: ISignal<unknown, boolean>;
  /** Every change of the text, in order; each starts from the result of the former. */
  readonly textChanged: ISignal<unknown, TextChange>;
  getSource(): string;
  /**
   * Whether an input method composes text in an editor of this cell, which must stay until that
   * ends.
   */
  compose(editor: object, isComposing: boolean): void;
  /**
   * Applies an edit of a text that was `base`, which may be behind the cell's own. False if it was
   * refused.
   */
  applyEditorChange(changes: ChangeSet, base: Text, origin: unknown): boolean;
}

export function isRoomCell(model: unknown): model is EditorSource {
  return (model as Partial<EditorSource> | null | undefined)?.isRoomCell === true;
}
