/** The board of each open notebook. */
import { Notification } from '@jupyterlab/apputils';

import { NoticeBoard } from './noticeBoard';
import type { OpenRoom } from '../tokens';

const BOARDS = new WeakMap<OpenRoom['model'], NoticeBoard>();

export function noticeBoardOf({ model }: Pick<OpenRoom, 'model'>): NoticeBoard {
  const known = BOARDS.get(model);
  if (known !== undefined) {
    return known;
  }
  const board = new NoticeBoard(Notification.manager);
  BOARDS.set(model, board);
  model.disposed.connect(() => {
    board.close();
  });
  return board;
}
