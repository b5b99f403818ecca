/**
 * Saves the state of widgets into the notebook if JupyterLab's setting says so.
 *
 * The widget manager writes the state whenever a browser saves. Here the server saves, and a
 * browser only on command; so this module writes the state after widgets have changed and come to
 * rest.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';

import type { OpenRoom } from '../tokens';

/**
 * Waits for the end of a drag, because each write stores the whole state, and every version is
 * kept.
 */
export const REST_MS = 5000;

export function keepState(panel: NotebookPanel, room: OpenRoom, wished: () => boolean): void {
  if (panel.isDisposed) {
    return;
  }
  let timer: number | undefined;
  const save = (): void => {
    const { phase, role } = room.connection.status;
    const may = phase === 'live' && role !== 'viewer';
    if (may && !panel.isDisposed && !panel.context.isDisposed && wished()) {
      void panel.context.save();
    }
  };
  const hear = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
    if (message.header.msg_type.startsWith('comm_') && wished()) {
      window.clearTimeout(timer);
      timer = window.setTimeout(save, REST_MS);
    }
  };
  let followed: Kernel.IKernelConnection | null = null;
  const follow = (): void => {
    followed?.iopubMessage.disconnect(hear);
    followed = panel.sessionContext.session?.kernel ?? null;
    followed?.iopubMessage.connect(hear);
  };
  panel.sessionContext.kernelChanged.connect(follow);
  follow();
  panel.disposed.connect(() => {
    window.clearTimeout(timer);
    panel.sessionContext.kernelChanged.disconnect(follow);
    followed?.iopubMessage.disconnect(hear);
  });
}
