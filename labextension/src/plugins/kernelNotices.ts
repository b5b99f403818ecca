/** Says that another user restarted, interrupted or shut down the kernel of an open notebook. */
import { Notification } from '@jupyterlab/apputils';

import { forEachRoom } from './forEachRoom';
import { kernelText } from '../rooms/kernelText';

const SHOWN_MS = 15_000;

export const kernelNotices = forEachRoom(
  'jupyter-runtimed:kernel-notices',
  'Says that another user restarted, interrupted or shut down the kernel.',
  ({ connection, model }, trans) => {
    let notice = '';
    connection.noticed.connect((_, { name, body }) => {
      const message = name === 'kernel' ? kernelText(body, connection.path, trans) : null;
      if (message === null) {
        return;
      }
      // Each notebook has one notice for all later actions on its kernel.
      if (Notification.manager.has(notice)) {
        Notification.update({ id: notice, message, autoClose: SHOWN_MS });
      } else {
        notice = Notification.info(message, { autoClose: SHOWN_MS });
      }
    });
    model.disposed.connect(() => {
      if (notice !== '') {
        // Dismissing without an id would remove every notice.
        Notification.dismiss(notice);
      }
    });
  }
);
