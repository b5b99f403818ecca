/**
 * The state of widgets goes into the notebook when JupyterLab's setting says so.
 *
 * The widget manager writes it whenever a browser saves. Here the server saves, and a browser only
 * when told to; so after widgets have changed and come to rest, this one does.
 */
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';

import type { OpenRoom } from '../tokens';

/** The whole state is written each time, and every version is kept: not while somebody drags. */
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
