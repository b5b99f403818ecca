/** Reports events that do not fit into the status bar: refusals, conflicts, a missing file. */
import type { JupyterFrontEnd } from '@jupyterlab/application';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { RoomConflict } from '../connection/roomConnection';
import type { Notice } from '../rooms/noticeBoard';
import { noticeBoardOf } from '../rooms/noticeBoards';
import { forEachRoom } from './forEachRoom';
import type { Problem } from '../rooms/fileProblems';
import { fileProblem, storageProblem } from '../rooms/fileProblems';
import type { IRooms, OpenRoom } from '../tokens';

const SHOWN_MS = 10_000;

/** Returns the message about local edits that met remote ones; null if none is needed. */
export function conflictText(conflict: RoomConflict, trans: TranslationBundle): string | null {
  if (conflict.kind === 'set-aside') {
    // This event has a notice of its own, with its actions.
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

function noticeOf(problem: Problem, room: OpenRoom): Notice {
  const { text, remedy, lasting } = problem;
  const save = {
    label: remedy,
    callback: (): void => {
      // The server reports the reason to all clients, this one included.
      room.connection.call('save', {}, { repeat: true }).catch(() => undefined);
    }
  };
  return {
    text,
    level: 'warning',
    autoClose: lasting ? false : SHOWN_MS,
    actions: remedy === '' ? [] : [save]
  };
}

/** Reports faults of the file and the storage for as long as they last. */
function followProblems(room: OpenRoom, trans: TranslationBundle): void {
  const { connection } = room;
  const board = noticeBoardOf(room);
  const look = (): void => {
    const { status, path } = connection;
    if (status.phase !== 'live') {
      // Without a connection the state is unknown; the server reports it again later.
      return;
    }
    const file = fileProblem(status, path, trans);
    const storage = storageProblem(status, path, trans);
    if (status.saved) {
      board.withdraw('save-later');
    }
    board.keep('file', file === null ? null : noticeOf(file, room));
    board.keep('storage', storage === null ? null : noticeOf(storage, room));
  };
  connection.statusChanged.connect(look);
  look();
}

/** Explains a save without a connection, which continues when the server is back. */
async function tellSavedLater(
  room: OpenRoom,
  rooms: IRooms,
  trans: TranslationBundle
): Promise<void> {
  const name = PathExt.basename(room.connection.path);
  const isKept = (await rooms.store) !== null;
  const text = isKept
    ? trans.__(
        'No connection: %1 is kept in this browser. The server saves it when it is back.',
        name
      )
    : trans.__('No connection: keep this page open. The server saves %1 when it is back.', name);
  if (room.connection.status.phase !== 'live') {
    noticeBoardOf(room).tell('save-later', { text, level: 'warning', autoClose: false });
  }
}

function watch(room: OpenRoom, trans: TranslationBundle, _: JupyterFrontEnd, rooms: IRooms): void {
  const { connection, model } = room;
  const board = noticeBoardOf(room);
  followProblems(room, trans);
  rooms.savedOffline.connect((_sender, saved) => {
    if (saved.model === model) {
      void tellSavedLater(room, rooms, trans);
    }
  });
  connection.conflicted.connect((_, conflict) => {
    const text = conflictText(conflict, trans);
    if (text !== null) {
      const lost = conflict.kind === 'rebased' && conflict.rebased.dropped.length > 0;
      const autoClose = lost ? false : SHOWN_MS;
      board.tell(lost ? 'dropped' : 'conflict', { text, level: 'warning', autoClose });
    }
  });
  connection.noticed.connect((_, { name, body }) => {
    const message = typeof body['message'] === 'string' ? body['message'] : '';
    const shown = { level: 'warning', autoClose: false } as const;
    if (name === 'damaged') {
      // Every greeting repeats the report.
      const text = trans.__('%1 was mended: %2', connection.path, message);
      board.keep('damaged', { text, ...shown });
    } else if (name === 'broken') {
      const text = trans.__('%1 was closed by the server: %2', connection.path, message);
      board.tell('broken', { text, ...shown });
    }
  });
  model.cellLost.connect(() => {
    const text = trans.__(
      'A cell in which you were typing was deleted by somebody else. Undo brings it back.'
    );
    board.tell('cell-lost', { text, level: 'info', autoClose: SHOWN_MS });
  });
}

export const notifications = forEachRoom(
  'jupyter-runtimed:notifications',
  'Tells of refusals and conflicts in rooms.',
  watch
);
