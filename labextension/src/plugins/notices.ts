/** Tells people what the status bar has no room for: refusals, conflicts, a file that is gone. */
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { RoomConflict, RoomNotice } from '../connection/room';
import { forEachRoom } from './each';
import type { OpenRoom } from './tokens';

const SHOWN_MS = 10_000;

/** What is said of local work that met something else; null if nothing needs saying. */
export function conflictText(conflict: RoomConflict, trans: TranslationBundle): string | null {
  if (conflict.kind === 'set-aside') {
    // That has a notice of its own, with what can be done about it.
    return null;
  }
  const { dropped, revived } = conflict.rebased;
  if (dropped.length > 0) {
    const why = dropped.map(({ reason }) => reason).join('; ');
    return trans.__('Some of your edits could not be kept: %1', why);
  }
  if (revived.length > 0) {
    return trans.__('A cell that others deleted came back, because you had typed in it.');
  }
  return conflict.code === 'epoch'
    ? null
    : trans.__('Your last edits were put on top of what the server has (%1).', conflict.reason);
}

function noticeText(
  { name, body }: RoomNotice,
  path: string,
  trans: TranslationBundle
): string | null {
  const message = typeof body['message'] === 'string' ? body['message'] : '';
  switch (name) {
    case 'deleted':
      return trans.__(
        'The file %1 was deleted. The notebook stays open here; save it under another name to keep it.',
        path
      );
    case 'save_failed':
      return trans.__('%1 could not be saved: %2', path, message);
    default:
      return null;
  }
}

function watch(room: OpenRoom, trans: TranslationBundle): void {
  const { connection, model } = room;
  connection.conflicted.connect((_, conflict) => {
    const text = conflictText(conflict, trans);
    if (text !== null) {
      const lost = conflict.kind === 'rebased' && conflict.rebased.dropped.length > 0;
      Notification.warning(text, { autoClose: lost ? false : SHOWN_MS });
    }
  });
  connection.noticed.connect((_, notice) => {
    const text = noticeText(notice, connection.path, trans);
    if (text !== null) {
      const id = Notification.warning(text, { autoClose: SHOWN_MS });
      if (notice.name === 'deleted') {
        // Where it was deleted from here, JupyterLab closes the notebook: it does not stay open.
        model.disposed.connect(() => {
          Notification.dismiss(id);
        });
      }
    }
  });
  model.cellLost.connect(() => {
    Notification.info(
      trans.__(
        'A cell in which you were typing was deleted by somebody else. Undo brings it back.'
      ),
      { autoClose: SHOWN_MS }
    );
  });
}

export const notices = forEachRoom(
  'jupyter-runtimed:notices',
  'Tells of refusals and conflicts in rooms.',
  watch
);
