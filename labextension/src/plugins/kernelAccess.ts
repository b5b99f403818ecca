/**
 * Hides the kernel from users without the permission to execute. Otherwise JupyterLab tries to
 * connect to it without end.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';

import { IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

function withhold({ sessionContext, disposed }: NotebookPanel, { connection }: OpenRoom): void {
  const check = (): void => {
    const { phase, role } = connection.status;
    if (phase !== 'live' || role === 'runner' || sessionContext.isDisposed) {
      return;
    }
    if (sessionContext.kernelPreference.canStart !== false) {
      const none = { shouldStart: false, canStart: false, autoStartDefault: false };
      sessionContext.kernelPreference = { ...sessionContext.kernelPreference, ...none };
    }
    // Only this page's connection ends; the kernel continues.
    sessionContext.session?.dispose();
  };
  // A later turn, because JupyterLab is about to announce the new session.
  const soon = (): void => {
    queueMicrotask(check);
  };
  connection.statusChanged.connect(check);
  sessionContext.sessionChanged.connect(soon);
  disposed.connect(() => {
    connection.statusChanged.disconnect(check);
  });
  check();
}

export const kernelAccess: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:kernel-access',
  description: 'Keeps those who may not run anything from asking for a kernel.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  activate: (_, rooms: IRooms, tracker: INotebookTracker) => {
    const take = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room !== null) {
        withhold(panel, room);
      }
    };
    tracker.forEach(take);
    tracker.widgetAdded.connect((_sender, panel) => {
      take(panel);
    });
  }
};
