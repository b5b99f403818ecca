/**
 * Shows above a notebook that its server is away, and offers the user's actions. It is part of the
 * page from the start, because JupyterLab loads the code of its notices with the first one, which
 * fails without a server.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { PageConfig, URLExt } from '@jupyterlab/coreutils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { Hindrance } from '../connection/responses';
import { waitingText } from '../rooms/statusText';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

/** The page on which the Hub starts this server; null without a Hub. */
function spawnUrl(): string | null {
  const prefix = PageConfig.getOption('hubPrefix');
  if (prefix === '') {
    return null;
  }
  const names = [PageConfig.getOption('hubUser'), PageConfig.getOption('hubServerName')];
  const path = URLExt.encodeParts(URLExt.join('spawn', ...names.filter(name => name !== '')));
  return PageConfig.getOption('hubHost') + URLExt.join(prefix, path);
}

export class Waiting extends Widget {
  private readonly text = document.createElement('span');
  private readonly link = document.createElement('a');

  constructor(
    private readonly room: OpenRoom,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-RuntimedWaitingForServer');
    this.node.setAttribute('role', 'status');
    this.link.className = 'jp-RuntimedWaitingForServer-link';
    this.link.target = '_blank';
    // The other tab must not reach this page, but only the user may close it.
    this.link.rel = 'noopener';
    this.node.append(this.text, this.link);
    room.connection.statusChanged.connect(this.look);
    this.look();
  }

  override dispose(): void {
    this.room.connection.statusChanged.disconnect(this.look);
    super.dispose();
  }

  private readonly look = (): void => {
    const { status, line } = this.room.connection;
    const hindrance = status.phase === 'live' ? null : line.hindrance;
    const unsent = { count: status.unacked, keeps: line.keeps };
    const text = waitingText(hindrance, unsent, this.trans);
    this.setHidden(text === null);
    if (text !== null && this.text.textContent !== text) {
      this.text.textContent = text;
    }
    const [label, url] = this.way(hindrance);
    this.link.hidden = url === null;
    this.link.textContent = label;
    this.link.href = url ?? '';
  };

  /** The name and the address of the remedy. */
  private way(hindrance: Hindrance | null): [string, string | null] {
    switch (hindrance?.kind) {
      case 'stopped':
        return [this.trans.__('Start Server'), spawnUrl()];
      case 'login':
        return [this.trans.__('Log In'), this.room.connection.loginUrl];
      case 'network':
      case 'elsewhere':
      case 'server':
      case undefined:
        return ['', null];
    }
  }
}

export const waitingForServer: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:waiting-for-server',
  description: 'Says what a notebook without its server waits for, and what can be done about it.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  optional: [ITranslator],
  activate: (_, rooms: IRooms, tracker: INotebookTracker, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const attend = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room !== null) {
        panel.contentHeader.addWidget(new Waiting(room, trans));
      }
    };
    tracker.forEach(attend);
    tracker.widgetAdded.connect((_sender, panel) => {
      attend(panel);
    });
  }
};
