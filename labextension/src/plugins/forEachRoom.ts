/** The shapes of plugins that do one thing for each open room, or for each notebook panel of a room. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

type Attend = (
  room: OpenRoom,
  trans: TranslationBundle,
  app: JupyterFrontEnd,
  rooms: IRooms
) => void;

export function forEachRoom(
  id: string,
  description: string,
  attend: Attend
): JupyterFrontEndPlugin<void> {
  return {
    id,
    description,
    autoStart: true,
    requires: [IRooms],
    optional: [ITranslator],
    activate: (app, rooms: IRooms, translator: ITranslator | null) => {
      const trans = (translator ?? nullTranslator).load(DOMAIN);
      rooms.opened.connect((_sender, room) => {
        attend(room, trans, app, rooms);
      });
    }
  };
}

export function forEachRoomPanel(
  id: string,
  description: string,
  attend: (panel: NotebookPanel, room: OpenRoom, trans: TranslationBundle) => void
): JupyterFrontEndPlugin<void> {
  return {
    id,
    description,
    autoStart: true,
    requires: [IRooms, INotebookTracker],
    optional: [ITranslator],
    activate: (_, rooms: IRooms, tracker: INotebookTracker, translator: ITranslator | null) => {
      const trans = (translator ?? nullTranslator).load(DOMAIN);
      const take = (panel: NotebookPanel): void => {
        const room = rooms.of(panel.context.model.sharedModel);
        if (room !== null) {
          attend(panel, room, trans);
        }
      };
      tracker.forEach(take);
      tracker.widgetAdded.connect((_sender, panel) => {
        take(panel);
      });
    }
  };
}
