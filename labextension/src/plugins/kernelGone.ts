/**
 * Reports that a notebook's kernel is gone with its variables, unless a user shut it down.
 *
 * The notice stays until the user reads it, because kernels often die while the user is away.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { RuntimeNode } from '../document/schema';
import { noticeBoardOf } from '../rooms/noticeBoards';
import { forEachRoom } from './forEachRoom';
import type { OpenRoom } from '../tokens';

/** Returns the reason why there is no kernel; empty if there is one, or if a user shut it down. */
export function whyGone({ kernel }: RuntimeNode): string {
  const { state = 'none', reason = '' } = kernel;
  return String(state) === 'none' ? String(reason) : '';
}

function watch(
  room: OpenRoom,
  trans: TranslationBundle,
  { serviceManager }: JupyterFrontEnd
): void {
  const { model, connection } = room;
  let told = '';
  const look = (): void => {
    const why = whyGone(model.documents.runtime);
    if (why !== '' && why !== told) {
      const text = trans.__('%1 has no kernel: %2', connection.path, why);
      noticeBoardOf(room).tell('kernel', { text, level: 'warning', autoClose: false });
      // JupyterLab polls every ten seconds, and shows an idle kernel until then.
      serviceManager.sessions.refreshRunning().catch(() => undefined);
    }
    told = why;
  };
  model.documents.runtimeChanged.connect(look);
  look();
}

export const kernelGone = forEachRoom(
  'jupyter-runtimed:kernel-gone',
  'Tells that the kernel of a room is gone.',
  watch
);
