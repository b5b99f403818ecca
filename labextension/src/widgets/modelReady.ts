/**
 * Widgets in the outputs of a room, shown when the kernel's own socket has brought what they are.
 *
 * An output comes with the runtime document, its widget's model over the kernel's socket, and either
 * may be first. In plain JupyterLab both come one way, so a widget without a model is an error there.
 */
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';

/** For so long what fills a model is waited for. */
export const FILLED_MS = 500;
export const VIEW = 'application/vnd.jupyter.widget-view+json';

/** Whether something may be on its way, and when that changes; see `OutputLag`. */
export interface Busy {
  now(): boolean;
  readonly changed: ISignal<unknown, unknown>;
}

/** Whether a model is there (`came`), or nothing is on its way that could bring it. */
export type ModelState = 'came' | 'settled';

/** Waits for the model of a widget. Resolves at once when it is there or nothing is under way. */
export async function modelReady(
  kernel: Kernel.IKernelConnection,
  id: string,
  busy: Busy
): Promise<ModelState> {
  if (kernel.hasComm(id)) {
    // Its model is made in the turn that follows.
    await new Promise(resolve => setTimeout(resolve));
    return 'came';
  }
  if (!busy.now()) {
    return 'settled';
  }
  return await new Promise(resolve => {
    const end = (how: ModelState): void => {
      stop();
      busy.changed.disconnect(look);
      resolve(how);
    };
    const look = (): void => {
      if (kernel.isDisposed || !busy.now()) {
        end('settled');
      }
    };
    const stop = whenOpened(kernel, id, () => {
      end('came');
    });
    busy.changed.connect(look);
  });
}

/**
 * Waits until a model is as it was when its output was made, as far as that is known: what fills it
 * may follow its opening, and a view that is made before may never look again. Never waits long,
 * since what a long run has shown is to be seen while it runs.
 */
export async function filled(busy: Busy): Promise<void> {
  if (!busy.now()) {
    return;
  }
  await new Promise<void>(resolve => {
    const end = (): void => {
      clearTimeout(timer);
      busy.changed.disconnect(look);
      resolve();
    };
    const look = (): void => {
      if (!busy.now()) {
        end();
      }
    };
    const timer = setTimeout(end, FILLED_MS);
    busy.changed.connect(look);
  });
}

/** Calls when the kernel's socket has brought this comm; returns how to stop listening. */
export function whenOpened(
  kernel: Kernel.IKernelConnection,
  id: string,
  call: () => void
): () => void {
  const hear = (_: unknown, message: KernelMessage.IIOPubMessage): void => {
    const { header, content } = message;
    if (header.msg_type === 'comm_open' && 'comm_id' in content && content.comm_id === id) {
      kernel.iopubMessage.disconnect(hear);
      call();
    }
  };
  kernel.iopubMessage.connect(hear);
  return () => {
    kernel.iopubMessage.disconnect(hear);
  };
}
