/** The mark of one cell: its text and its place. */
import type { Cell } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';

import { read } from '../document/automerge';
import type { RunNode } from '../document/schema';

const CLASS = 'jp-RuntimedCellMark';

/**
 * The server's reasons for a cell that did not run because of a user's action, or of an error that
 * the failed cell shows. JupyterLab does not mark these cells. `tests/execution/test_queue.py`
 * compares the reasons with the server's.
 */
export const EXPECTED = new Set([
  'cancelled',
  'interrupted',
  'an earlier cell failed',
  'the cell was deleted',
  'the kernel skipped it after an error',
  'the kernel skipped it'
]);

/** Returns the text of the mark for a cell with this run; null for no mark. */
export function markOf(run: RunNode | undefined, trans: TranslationBundle): string | null {
  const reason = read(run?.reason);
  switch (read(run?.state)) {
    case 'lost':
      return reason === '' ? trans.__('Interrupted') : trans.__('Interrupted: %1', reason);
    case 'cancelled':
      return reason === '' || EXPECTED.has(reason) ? null : trans.__('Not run: %1', reason);
    default:
      return null;
  }
}

/** Shows this text below the outputs of a rendered cell; null removes the mark. */
export function mark({ node }: Pick<Cell, 'node'>, text: string | null): void {
  let shown = node.querySelector<HTMLElement>(`:scope > .${CLASS}`);
  const outputs = node.querySelector(':scope > .jp-Cell-outputWrapper');
  if (text === null || outputs === null) {
    shown?.remove();
    return;
  }
  if (shown === null) {
    shown = document.createElement('div');
    shown.className = CLASS;
    shown.setAttribute('role', 'note');
    outputs.after(shown);
  }
  if (shown.textContent !== text) {
    shown.textContent = text;
  }
}
