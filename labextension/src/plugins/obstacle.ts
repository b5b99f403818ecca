/** Why notebooks cannot be rooms here, in words for people. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ServerStatus } from '../connection/api';
import { PROTOCOL } from '../protocol/frames';

/** What stands in the way; null if nothing does. A notification shows 140 characters at most. */
export function obstacle(
  status: ServerStatus | null,
  taken: string | null,
  trans: TranslationBundle
): string | null {
  if (status === null) {
    return trans.__(
      'jupyter-runtimed is off: its server part is not enabled. Notebooks open the ordinary way.'
    );
  }
  const others = [...status.conflicts, ...(taken === null ? [] : [taken])];
  if (others.length > 0) {
    return trans.__(
      'jupyter-runtimed is off beside %1: disable one of them. Notebooks open the ordinary way.',
      others.join(', ')
    );
  }
  if (status.protocol !== PROTOCOL) {
    return trans.__(
      'jupyter-runtimed is off: the server has another version. Reload this page, or update.'
    );
  }
  return null;
}
