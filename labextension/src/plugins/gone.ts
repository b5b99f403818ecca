/**
 * Tells that a notebook's kernel is gone, and with it what it knew, where nobody asked for that.
 *
 * It stays until it is read: kernels go like this while nobody looks.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { RuntimeNode } from '../document/schema';
import { forEachRoom } from './each';
import type { OpenRoom } from './tokens';

/** Why there is no kernel any more; empty where there is one, or where somebody shut it down. */
export function whyGone({ kernel }: RuntimeNode): string {
  const { state = 'none', reason = '' } = kernel;
  return String(state) === 'none' ? String(reason) : '';
}

function watch(
  { model, connection }: OpenRoom,
  trans: TranslationBundle,
  { serviceManager }: JupyterFrontEnd
): void {
  let told = '';
  const look = (): void => {
    const why = whyGone(model.documents.runtime);
    if (why !== '' && why !== told) {
      Notification.warning(trans.__('%1 has no kernel: %2', connection.path, why), {
        autoClose: false
      });
      // JupyterLab looks every ten seconds, and shows a kernel that idles until then.
      serviceManager.sessions.refreshRunning().catch(() => undefined);
    }
    told = why;
  };
  model.documents.runtimeChanged.connect(look);
  look();
}

export const gone = forEachRoom(
  'jupyter-runtimed:gone',
  'Tells that the kernel of a room is gone.',
  watch
);
