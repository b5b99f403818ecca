/**
 * Connects a notebook to the kernel that its room has, when JupyterLab has lost that kernel.
 *
 * After a restart of the server JupyterLab shows "No Kernel", although an agent or another user may
 * have started one: it only looks for a session when the notebook is opened or a cell is run here.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { ISessionContext } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';

import { read } from '../document/automerge';
import type { KernelRemedy } from '../rooms/kernelRemedy';
import { remedyFor } from '../rooms/kernelRemedy';
import { IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

const PAUSE_MS = 5000;

class Reconnection {
  constructor(
    private readonly context: ISessionContext,
    private readonly room: OpenRoom
  ) {}

  /** One attempt at a time; the next one follows after a while if the first did not help. */
  readonly look = (): void => {
    if (this.trying || this.remedy === 'nothing') {
      return;
    }
    this.trying = true;
    void this.mend()
      .catch((error: unknown) => {
        console.warn('The kernel of the room was not joined', error);
      })
      .finally(() => {
        setTimeout(() => {
          this.trying = false;
          this.look();
        }, PAUSE_MS);
      });
  };

  private get remedy(): KernelRemedy {
    const { phase, role } = this.room.connection.status;
    if (this.context.isDisposed || phase !== 'live' || role !== 'runner') {
      return 'nothing';
    }
    return remedyFor(this.context, this.kernelId);
  }

  private get kernelId(): string {
    const { id, state } = this.room.model.documents.runtime.kernel;
    const answers = read(state) === 'idle' || read(state) === 'busy';
    return answers ? read(id) : '';
  }

  private async mend(): Promise<void> {
    // This call disposes of the sessions of the former server.
    await this.context.sessionManager.refreshRunning();
    const { remedy, kernelId } = this;
    if (remedy === 'reconnect') {
      await this.context.session?.kernel?.reconnect();
    } else if (remedy === 'join' && this.isThere(kernelId)) {
      await this.context.changeKernel({ id: kernelId });
    }
  }

  /** A session with another id would be a new kernel. */
  private isThere(kernelId: string): boolean {
    const sessions = [...this.context.sessionManager.running()];
    return sessions.some(
      ({ path, kernel }) => path === this.context.path && kernel?.id === kernelId
    );
  }

  private trying = false;
}

export const kernelReconnect: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:kernel-reconnect',
  description: 'Connects notebooks to the kernel of their room after a restart of the server.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  activate: (_, rooms: IRooms, tracker: INotebookTracker) => {
    const take = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room === null) {
        return;
      }
      const { look } = new Reconnection(panel.sessionContext, room);
      room.model.documents.runtimeChanged.connect(look);
      room.connection.statusChanged.connect(look);
      panel.sessionContext.sessionChanged.connect(look);
      panel.sessionContext.connectionStatusChanged.connect(look);
      panel.disposed.connect(() => {
        room.model.documents.runtimeChanged.disconnect(look);
        room.connection.statusChanged.disconnect(look);
      });
    };
    tracker.forEach(take);
    tracker.widgetAdded.connect((_sender, panel) => {
      take(panel);
    });
  }
};
