/** The status bar's word on the current notebook. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { describe } from './describe';
import { DOMAIN, IRooms } from './tokens';
import type { OpenRoom } from './tokens';

/** For so long a change on its way is part of saving; then it is said that it waits. */
const MOMENT_MS = 1500;

export class RoomStatus extends Widget {
  private room: OpenRoom | null = null;
  private waiting = false;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly trans: TranslationBundle) {
    super();
    this.addClass('jp-RuntimedStatus');
    this.node.setAttribute('role', 'status');
    globalThis.addEventListener('online', this.refresh);
    globalThis.addEventListener('offline', this.refresh);
  }

  get hasRoom(): boolean {
    return this.room !== null;
  }

  follow(room: OpenRoom | null): void {
    this.room?.connection.statusChanged.disconnect(this.refresh);
    this.room = room;
    room?.connection.statusChanged.connect(this.refresh);
    this.refresh();
  }

  override dispose(): void {
    globalThis.removeEventListener('online', this.refresh);
    globalThis.removeEventListener('offline', this.refresh);
    this.stop();
    this.room?.connection.statusChanged.disconnect(this.refresh);
    super.dispose();
  }

  protected override onUpdateRequest(): void {
    const { node, room } = this;
    if (room === null) {
      node.textContent = '';
      return;
    }
    const circumstances = { online: navigator.onLine, waiting: this.waiting };
    const { text, title, level } = describe(room.connection.status, circumstances, this.trans);
    node.dataset['level'] = level;
    node.title = title;
    if (node.textContent !== text) {
      node.textContent = text;
    }
  }

  private readonly refresh = (): void => {
    const unacked = this.room?.connection.status.unacked ?? 0;
    if (unacked === 0) {
      this.stop();
    } else if (this.timer === null && !this.waiting) {
      this.timer = setTimeout(() => {
        this.waiting = true;
        this.update();
      }, MOMENT_MS);
    }
    this.update();
  };

  private stop(): void {
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
    this.timer = null;
    this.waiting = false;
  }
}

export const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:status',
  description: 'Says in the status bar, or in the toolbar, whether a notebook is saved.',
  autoStart: true,
  requires: [INotebookTracker, IRooms],
  optional: [IStatusBar, ITranslator],
  activate: (
    _,
    tracker: INotebookTracker,
    rooms: IRooms,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    if (statusBar === null) {
      // As in Notebook 7: each notebook says it in its own toolbar.
      tracker.widgetAdded.connect((_sender, panel) => {
        const own = new RoomStatus(trans);
        panel.toolbar.addItem('runtimed-status', own);
        own.follow(rooms.of(panel.context.model.sharedModel));
      });
      return;
    }
    const item = new RoomStatus(trans);
    tracker.currentChanged.connect((_sender, panel) => {
      item.follow(panel === null ? null : rooms.of(panel.context.model.sharedModel));
    });
    statusBar.registerStatusItem('jupyter-runtimed:status', {
      item,
      align: 'right',
      rank: 50,
      isActive: () => item.hasRoom
    });
  }
};
