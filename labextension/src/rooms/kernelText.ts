/** The texts about actions of another user on the kernel of a notebook. */
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { RoomNotice } from '../connection/roomConnection';

/** Null for actions that this version does not know. */
export function kernelText(
  body: RoomNotice['body'],
  path: string,
  trans: TranslationBundle
): string | null {
  const { action, by } = body;
  if (typeof by !== 'string') {
    return null;
  }
  const name = PathExt.basename(path);
  switch (action) {
    case 'restart':
      return trans.__('%1: %2 restarted the kernel. Its variables are gone.', name, by);
    case 'interrupt':
      return trans.__('%1: %2 interrupted the kernel.', name, by);
    case 'shutdown':
      return trans.__('%1: %2 shut down the kernel. Its variables are gone.', name, by);
    default:
      return null;
  }
}
