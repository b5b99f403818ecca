/**
 * Before a notebook reverts to a checkpoint, shows the edits of others that the revert removes.
 *
 * JupyterLab's question is general, and its command has no place for more text. The check therefore
 * stands between the question and the request to the server.
 */
import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { OpenRoom } from '../tokens';
import { forEachRoomPanel } from './forEachRoom';

interface Preview {
  heads: string[] | null;
  people: string[];
}

/** The server's preview of a revert; an unreadable preview counts as a revert without losses. */
export function previewOf(answer: unknown): Preview {
  const { heads, people } = (answer ?? {}) as Record<string, unknown>;
  return { heads: strings(heads), people: strings(people) ?? [] };
}

function strings(value: unknown): string[] | null {
  const isList = Array.isArray(value) && value.every(each => typeof each === 'string');
  return isList ? value : null;
}

async function agreed(
  { connection, model }: OpenRoom,
  checkpoint: string,
  trans: TranslationBundle
): Promise<boolean> {
  const { heads, people } = previewOf(
    await connection.call('preview_revert', { checkpoint }).catch(() => null)
  );
  if (people.length === 0) {
    return true;
  }
  const [{ between }, { cellsView }] = await Promise.all([
    import('../document/difference'),
    import('../views/cells')
  ]);
  const { documents } = model;
  const now = [...documents.heads('notebook')];
  const cells = heads === null ? [] : (between(documents.notebook, now, heads) ?? []);
  const node = document.createElement('div');
  const said = node.appendChild(document.createElement('p'));
  said.textContent = trans.__(
    'Changed since this checkpoint by %1. Reverting takes that away in every window. A notice will offer to bring it back.',
    people.join(', ')
  );
  const captions = { before: trans.__('Now'), after: trans.__('At the checkpoint') };
  node.append(cellsView(cells, captions, trans));
  const { button } = await showDialog({
    title: trans.__('Take away the work of others?'),
    body: new Widget({ node }),
    buttons: [
      Dialog.cancelButton(),
      Dialog.warnButton({ label: trans.__('Revert for everybody') })
    ],
    defaultButton: 0
  });
  return button.accept;
}

function guardCheckpoints({ context }: NotebookPanel, ask: (id: string) => Promise<boolean>): void {
  const restore = context.restoreCheckpoint.bind(context);
  context.restoreCheckpoint = async checkpoint => {
    if (checkpoint === undefined || (await ask(checkpoint))) {
      await restore(checkpoint);
    }
  };
}

export const revert = forEachRoomPanel(
  'jupyter-runtimed:revert',
  'Says what a revert to a checkpoint takes from others.',
  (panel, room, trans) => {
    guardCheckpoints(panel, id => agreed(room, id, trans));
  }
);
