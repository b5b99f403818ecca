/**
 * Hands over the user's state in a cell's widget to the widget that replaces it: the focus, the
 * selection, the scroll position of the text.
 */
import type { Cell } from '@jupyterlab/cells';
import { MarkdownCell } from '@jupyterlab/cells';
import type { CodeMirrorEditor } from '@jupyterlab/codemirror';
import type { EditorSelection } from '@codemirror/state';
import type { EditorView } from '@codemirror/view';

import { coarseDiff, fromText } from '../document/text';

export interface Possession {
  /** Whether the text has the focus, rather than the cell or something in its outputs. */
  inText: boolean;
  text: string;
  selection: EditorSelection | null;
  scrolled: number;
}

/** Returns the state to hand over; null if the focus is elsewhere. */
export function possessionOf(cell: Cell): Possession | null {
  if (!cell.node.contains(document.activeElement)) {
    return null;
  }
  const view = viewOf(cell);
  return {
    inText: view?.hasFocus ?? false,
    text: view === null ? '' : fromText(view.state.doc),
    selection: view?.state.selection ?? null,
    scrolled: view?.scrollDOM.scrollLeft ?? 0
  };
}

/** Gives the focus to a cell that is not yet on the page, as soon as it is. */
export function prepare(cell: Cell, { inText }: Possession): void {
  if (inText && cell instanceof MarkdownCell) {
    cell.rendered = false;
  }
}

/** Hands over to a cell that is on the page. */
export function handOver(cell: Cell, { inText, text, selection, scrolled }: Possession): void {
  const view = viewOf(cell);
  if (!inText || view === null) {
    cell.node.focus({ preventScroll: true });
    return;
  }
  if (selection !== null) {
    const now = fromText(view.state.doc);
    const fits = now === text ? selection : selection.map(coarseDiff(text, now));
    view.dispatch({ selection: fits });
  }
  view.focus();
  view.scrollDOM.scrollLeft = scrolled;
}

function viewOf({ editor }: Cell): EditorView | null {
  return (editor as CodeMirrorEditor | null)?.editor ?? null;
}
