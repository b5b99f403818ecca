/** The mark of one cell: what it says, and where it stands. */
import type { Cell } from '@jupyterlab/cells';
import type { TranslationBundle } from '@jupyterlab/translation';

import { read } from '../document/automerge';
import type { RunNode } from '../document/schema';

const CLASS = 'jp-RuntimedCellMark';

/**
 * The server's reasons for which a cell did not run because of what people did, or can see in the
 * cell that failed. JupyterLab marks no cell for them. `tests/execution/test_queue.py` compares them
 * with the server's.
 */
export const EXPECTED = new Set([
  'cancelled',
  'interrupted',
  'an earlier cell failed',
  'the cell was deleted',
  'the kernel skipped it after an error',
  'the kernel skipped it'
]);

/** What is to be said at a cell with this run; null if nothing is. */
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

/** Shows this text below the outputs of a cell that is rendered; null takes the mark away. */
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
