/**
 * Delays widgets in the outputs of a room until the kernel's own socket has brought their models.
 *
 * An output comes with the runtime document, its widget's model over the kernel's socket, and
 * either may be first. In plain JupyterLab both come one way, so a widget without a model is an
 * error there.
 */
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { ISignal } from '@lumino/signaling';

/** The longest wait for the content of a model. */
export const FILLED_MS = 500;
export const VIEW = 'application/vnd.jupyter.widget-view+json';

/** Whether a message may be on its way, and a signal for changes; see `OutputLag`. */
export interface Busy {
  now(): boolean;
  readonly changed: ISignal<unknown, unknown>;
}

/** Resolves when the model is there (`came`), or when no message can bring it any more. */
export type ModelState = 'came' | 'settled';

/** Waits for the model of a widget. Resolves at once if it is there or no message is on its way. */
export async function modelReady(
  kernel: Kernel.IKernelConnection,
  id: string,
  busy: Busy
): Promise<ModelState> {
  if (kernel.hasComm(id)) {
    // The widget manager makes the model in the next turn.
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
 * Waits until a model has the state of the time of its output, as far as that is known: its content
 * may follow its opening, and an earlier view may never update. The wait is short, because the
 * output of a long run must be visible during the run.
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

/**
 * Calls back when the kernel's socket has brought this comm; returns a function that stops
 * listening.
 */
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
