/** Shows the save status of the current notebook in the status bar. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import { StatusAnnouncer } from '../rooms/statusAnnouncer';
import { statusText } from '../rooms/statusText';
import { followPrompts } from '../stdin/openPrompts';
import { toolbarEndOf } from '../views/toolbarEnd';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

/**
 * During this time an unacknowledged change counts as saving; afterwards the status says that it
 * waits.
 */
const MOMENT_MS = 1500;
/**
 * A connection that returns within this time was not missed, because proxies cut old or idle
 * sockets.
 */
const BLINK_MS = 2000;

export class RoomStatus extends Widget {
  private room: OpenRoom | null = null;
  private waiting = false;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private blink: ReturnType<typeof setTimeout> | null = null;
  private isAway = true;
  /** Returns the cells that wait for an answer to `input()`. */
  private readonly asking = new Set<string>();
  private unask: () => void = () => undefined;

  private readonly announcer = new StatusAnnouncer();
  private readonly word = document.createElement('span');
  private readonly spoken = document.createElement('span');

  /** `speaks`: whether screen readers read this one; of two for one notebook only one speaks. */
  constructor(
    private readonly trans: TranslationBundle,
    private readonly speaks = true
  ) {
    super();
    this.addClass(speaks ? 'jp-RuntimedStatus' : 'jp-RuntimedStatus-narrow');
    this.word.className = 'jp-RuntimedStatus-word';
    this.spoken.className = 'jp-RuntimedStatus-spoken';
    this.spoken.setAttribute('aria-live', 'polite');
    this.node.append(this.word);
    if (speaks) {
      // A separate element, so that the last announcement is not read as a part of the status.
      document.body.append(this.spoken);
    }
    globalThis.addEventListener('online', this.refresh);
    globalThis.addEventListener('offline', this.refresh);
  }

  get hasRoom(): boolean {
    return this.room !== null;
  }

  follow(room: OpenRoom | null): void {
    this.unfollow();
    this.room = room;
    this.isAway = true;
    this.announcer.reset();
    room?.connection.statusChanged.connect(this.refresh);
    if (room !== null) {
      this.unask = followPrompts(room.model.documents, (cell, question) => {
        if (question === null) {
          this.asking.delete(cell);
        } else {
          this.asking.add(cell);
        }
        this.update();
      });
    }
    this.refresh();
  }

  override dispose(): void {
    globalThis.removeEventListener('online', this.refresh);
    globalThis.removeEventListener('offline', this.refresh);
    if (this.blink !== null) {
      clearTimeout(this.blink);
    }
    this.stop();
    this.spoken.remove();
    this.unfollow();
    super.dispose();
  }

  protected override onUpdateRequest(): void {
    const { node, room, word } = this;
    if (room === null) {
      word.textContent = '';
      return;
    }
    const { status, line } = room.connection;
    if (!this.isAway && status.phase !== 'live' && status.phase !== 'closed' && navigator.onLine) {
      return;
    }
    const asking = this.asking.size > 0;
    const circumstances = { online: navigator.onLine, waiting: this.waiting, asking, line };
    const description = statusText(status, circumstances, this.trans);
    const { text, title, level } = description;
    node.dataset['level'] = level;
    node.title = title;
    if (word.textContent !== text) {
      word.textContent = text;
    }
    const news = this.speaks ? this.announcer.next(description) : null;
    if (news !== null) {
      this.spoken.textContent = news;
    }
  }

  private unfollow(): void {
    this.room?.connection.statusChanged.disconnect(this.refresh);
    this.unask();
    this.unask = () => undefined;
    this.asking.clear();
  }

  private readonly refresh = (): void => {
    this.notice();
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

  /** Whether the room is disconnected for longer than a moment. */
  private notice(): void {
    const isLive = this.room?.connection.status.phase === 'live';
    if (isLive) {
      this.isAway = false;
    }
    if ((isLive || this.isAway) && this.blink !== null) {
      clearTimeout(this.blink);
      this.blink = null;
    }
    if (!isLive && !this.isAway) {
      this.blink ??= setTimeout(() => {
        this.blink = null;
        this.isAway = this.room?.connection.status.phase !== 'live';
        this.update();
      }, BLINK_MS);
    }
  }

  private stop(): void {
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
    this.timer = null;
    this.waiting = false;
  }
}

/** Placed before the users, in either order of creation. */
function addTo(panel: NotebookPanel, own: RoomStatus, rooms: IRooms): void {
  const room = rooms.of(panel.context.model.sharedModel);
  if (room === null) {
    own.dispose();
    return;
  }
  toolbarEndOf(panel).insertWidget(0, own);
  own.follow(room);
}

export const saveStatus: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:save-status',
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
      // As in Notebook 7, each notebook shows its status in its own toolbar.
      tracker.widgetAdded.connect((_sender, panel) => {
        addTo(panel, new RoomStatus(trans), rooms);
      });
      return;
    }
    // A narrow page has no room for the status bar's items.
    tracker.widgetAdded.connect((_sender, panel) => {
      addTo(panel, new RoomStatus(trans, false), rooms);
    });
    const item = new RoomStatus(trans);
    tracker.currentChanged.connect((_sender, panel) => {
      item.follow(panel === null ? null : rooms.of(panel.context.model.sharedModel));
    });
    statusBar.registerStatusItem('jupyter-runtimed:save-status', {
      item,
      align: 'right',
      rank: 50,
      // On a narrow page the status bar appears only for items that have no other place.
      priority: 1,
      isActive: () => item.hasRoom
    });
  }
};
