/** Keeps what a person types in a cell that another user deletes, and offers to restore the cell. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { Notebook, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { RoomCell } from '../model/cell';
import type { DeletedCell } from '../model/transactions';
import type { Going } from '../views/notebookWidget';
import { going } from '../views/notebookWidget';
import { DeletedCellText } from '../views/deletedCellText';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

/** Returns the name of the user who deleted the cell; null if no present user did. */
function deleterIn({ model, connection }: OpenRoom): string | null {
  const actors = model.core.foreignActors;
  for (const { actor, user } of connection.peers.values()) {
    if (actor !== undefined && actors.some(made => made.startsWith(actor))) {
      return user?.name ?? null;
    }
  }
  return null;
}

function keep(
  { cell, possession: { text, selection } }: Going,
  panel: NotebookPanel,
  room: OpenRoom,
  trans: TranslationBundle
): void {
  const id = (cell.model.sharedModel as unknown as RoomCell).cellId;
  const deleted = room.model.keepDeleted(id);
  if (deleted === null) {
    return;
  }
  const who = deleterIn(room);
  const message =
    who === null
      ? trans.__('The cell in which you were typing was deleted.')
      : trans.__('%1 deleted the cell in which you were typing.', who);
  const { anchor, head } = selection?.main ?? { anchor: text.length, head: text.length };
  const kept = new DeletedCellText({ message, text, anchor, head }, deleted.restore, trans);
  panel.contentHeader.addWidget(kept);
  kept.take();
  const look = (): void => {
    if (deleted.isBack()) {
      room.model.changed.disconnect(look);
      void giveBack(panel.content, id, kept, deleted);
    }
  };
  room.model.changed.connect(look);
  kept.disposed.connect(() => {
    room.model.changed.disconnect(look);
  });
}

/** Puts the typed text into the restored cell, and the focus if the text has it. */
async function giveBack(
  notebook: Notebook,
  id: string,
  kept: DeletedCellText,
  deleted: DeletedCell
): Promise<void> {
  kept.stay();
  const { hasFocus } = kept;
  const find = (): number => notebook.widgets.findIndex(({ model }) => model.id === id);
  if (hasFocus) {
    await notebook.scrollToItem(find(), 'smart').catch(() => undefined);
    await notebook.widgets[find()]?.ready;
  }
  const cell = notebook.widgets[find()];
  if (kept.isDisposed || notebook.isDisposed) {
    return;
  }
  const { base, now } = kept.text;
  deleted.rejoin(base, now);
  if (hasFocus && cell?.editor != null) {
    const { start, end } = kept.selection;
    const { editor } = cell;
    notebook.activeCellIndex = find();
    editor.setSelection({
      start: editor.getPositionAt(start) ?? { line: 0, column: 0 },
      end: editor.getPositionAt(end) ?? { line: 0, column: 0 }
    });
    notebook.mode = 'edit';
  }
  kept.dispose();
}

export const deletedCellText: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:deleted-cell-text',
  description: 'Keeps what is typed in a cell that another user deletes.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  optional: [ITranslator],
  activate: (_, rooms: IRooms, tracker: INotebookTracker, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    going.connect((_sender, event) => {
      const panel = tracker.find(({ content }) => content === event.notebook);
      const room = panel === undefined ? null : rooms.of(panel.context.model.sharedModel);
      if (panel !== undefined && room !== null && room.model.core.dispatch.isForeign) {
        keep(event, panel, room, trans);
      }
    });
  }
};
