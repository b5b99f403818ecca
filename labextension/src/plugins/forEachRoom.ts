/** The shape of a plugin that does one thing for each room that is opened. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
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
