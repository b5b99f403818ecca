/**
 * Tells that a notebook's kernel is gone, and with it what it knew, where nobody asked for that.
 *
 * It stays until it is read: kernels go like this while nobody looks.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { RuntimeNode } from '../document/schema';
import { DOMAIN, IRooms } from './tokens';
import type { OpenRoom } from './tokens';

/** Why there is no kernel any more; empty where there is one, or where somebody shut it down. */
export function whyGone({ kernel }: RuntimeNode): string {
  const { state = 'none', reason = '' } = kernel;
  return String(state) === 'none' ? String(reason) : '';
}

function watch({ model, connection }: OpenRoom, trans: TranslationBundle): void {
  let told = '';
  const look = (): void => {
    const why = whyGone(model.documents.runtime);
    if (why !== '' && why !== told) {
      Notification.warning(trans.__('%1 has no kernel: %2', connection.path, why), {
        autoClose: false
      });
    }
    told = why;
  };
  model.documents.runtimeChanged.connect(look);
  look();
}

export const gone: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:gone',
  description: 'Tells that the kernel of a room is gone.',
  autoStart: true,
  requires: [IRooms],
  optional: [ITranslator],
  activate: (_, rooms: IRooms, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    rooms.opened.connect((_sender, room) => {
      watch(room, trans);
    });
  }
};
