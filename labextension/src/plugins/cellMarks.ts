/**
 * Marks cells whose last run did not finish, and cells that did not run because of it.
 *
 * The mark is derived from the runtime document, so every later visitor sees it too. It disappears
 * when the cell runs again or its outputs are cleared.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import { mark, markOf } from '../views/cellMark';
import type { OpenRoom } from '../tokens';
import { forEachRoomPanel } from './forEachRoom';

function follow(panel: NotebookPanel, room: OpenRoom, trans: TranslationBundle): void {
  const { runs } = room.model.core;
  const look = (_sender: unknown, id: string): void => {
    const cell = panel.content.widgets.find(({ model }) => model.id === id);
    if (cell !== undefined) {
      mark(cell, markOf(runs.run(id), trans));
    }
  };
  // Cells come, are rendered for the first time, and are made again.
  const lookAtAll = (): void => {
    panel.content.widgets.forEach(cell => {
      mark(cell, markOf(runs.run(cell.model.id), trans));
    });
  };
  runs.told.connect(look);
  panel.content.cellInViewportChanged.connect(lookAtAll);
  void panel.revealed.then(lookAtAll);
  panel.disposed.connect(() => {
    runs.told.disconnect(look);
  });
}

export const cellMarks = forEachRoomPanel(
  'jupyter-runtimed:cell-marks',
  'Marks cells whose run was interrupted, and cells that did not run because of it.',
  follow
);
