/** Steps that connect JupyterLab to the kernel of a room. */
import type { ISessionContext } from '@jupyterlab/apputils';

type Context = Pick<ISessionContext, 'session' | 'isReady' | 'isTerminating' | 'isRestarting'>;

/** The step that connects JupyterLab to the kernel with this id. */
export type KernelRemedy = 'nothing' | 'reconnect' | 'join';

/** `kernelId` is the room's kernel, empty if no kernel answers. */
export function remedyFor(context: Context, kernelId: string): KernelRemedy {
  const busyItself = !context.isReady || context.isTerminating || context.isRestarting;
  if (kernelId === '' || busyItself) {
    return 'nothing';
  }
  const kernel = context.session?.kernel ?? null;
  if (kernel === null) {
    return 'join';
  }
  if (kernel.connectionStatus !== 'disconnected') {
    return 'nothing';
  }
  return kernel.id === kernelId ? 'reconnect' : 'join';
}
