/** Says when another program changed the file of an open notebook, and shows what it changed. */
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { RoomNotice } from '../connection/room';
import type { RoomDocuments } from '../document/documents';
import type { ShownCell } from '../views/cells';
import { forEachRoom } from './each';
import type { OpenRoom } from './tokens';

const SHOWN_MS = 15_000;
/** A program that writes all the time is told of by its last changes. */
const MOST_TOLD = 20;

interface Merge {
  at: Date;
  cells: ShownCell[];
}

/** What one notebook's people have not dismissed yet: one notice, however often the file changes. */
class Outside {
  private merges: Merge[] = [];
  private notice = '';

  constructor(
    private readonly room: OpenRoom,
    private readonly trans: TranslationBundle
  ) {}

  async tell(body: RoomNotice['body']): Promise<void> {
    const cells = await changedCells(this.room.model.documents, body);
    if (cells.length === 0) {
      return;
    }
    const isShown = Notification.manager.has(this.notice);
    this.merges = [...(isShown ? this.merges : []), { at: new Date(), cells }].slice(-MOST_TOLD);
    const options = { autoClose: SHOWN_MS, actions: [this.show] };
    if (isShown) {
      Notification.update({ id: this.notice, message: this.text, ...options });
    } else {
      this.notice = Notification.info(this.text, options);
    }
  }

  private get text(): string {
    const ids = new Set(this.merges.flatMap(({ cells }) => cells.map(({ id }) => id)));
    return this.trans._n(
      '%2: %1 cell changed by the file on disk.',
      '%2: %1 cells changed by the file on disk.',
      ids.size,
      PathExt.basename(this.room.connection.path)
    );
  }

  private get show(): Notification.IAction {
    return {
      label: this.trans.__('Show difference'),
      callback: (): void => {
        void this.open();
      }
    };
  }

  private async open(): Promise<void> {
    const { trans, merges } = this;
    const { cellsView } = await import('../views/cells');
    const captions = { before: trans.__('Before'), after: trans.__('From the file') };
    const node = document.createElement('div');
    for (const { at, cells } of merges) {
      if (merges.length > 1) {
        const time = node.appendChild(document.createElement('h2'));
        time.className = 'jp-RuntimedCells-time';
        time.textContent = at.toLocaleTimeString();
      }
      node.append(cellsView(cells, captions, trans));
    }
    await showDialog({
      title: trans.__('What the file on disk changed'),
      body: new Widget({ node }),
      buttons: [Dialog.okButton({ label: trans.__('Close') })]
    });
  }
}

/** The cells that `merged` tells of, once the change is here. */
async function changedCells(
  documents: RoomDocuments,
  body: RoomNotice['body']
): Promise<ShownCell[]> {
  const { between } = await import('../document/difference');
  if (documents.epoch('notebook') === null) {
    // Closed meanwhile.
    return [];
  }
  const [named, before, after] = [body['cells'], body['before'], body['after']].map(strings);
  if (named === undefined || before === undefined || after === undefined) {
    return [];
  }
  const found = await once(documents, () => between(documents.notebook, before, after));
  const texts = new Set(found.map(({ id }) => id));
  const outputs = named.filter(id => !texts.has(id)).flatMap(id => outputsOf(documents, id));
  return [...found, ...outputs];
}

function outputsOf({ notebook }: RoomDocuments, id: string): ShownCell[] {
  const source = Object.hasOwn(notebook.cells, id) ? notebook.cells[id]?.source : undefined;
  return source === undefined
    ? []
    : [
        {
          id,
          type: 'code',
          before: source,
          after: source,
          moved: false,
          other: false,
          outputs: true
        }
      ];
}

/** What `look` finds, as soon as it finds something: the change may follow what is said of it. */
function once<T>(documents: RoomDocuments, look: () => T | null): Promise<T> {
  return new Promise(resolve => {
    const again = (): boolean => {
      const found = look();
      if (found !== null) {
        documents.notebookChanged.disconnect(again);
        resolve(found);
      }
      return found !== null;
    };
    if (!again()) {
      documents.notebookChanged.connect(again);
    }
  });
}

function strings(value: unknown): string[] | undefined {
  const isList = Array.isArray(value) && value.every(each => typeof each === 'string');
  return isList ? value : undefined;
}

export const outside = forEachRoom(
  'jupyter-runtimed:outside',
  'Says what another program changed in the file of an open notebook.',
  (room, trans) => {
    const told = new Outside(room, trans);
    room.connection.noticed.connect((_, { name, body }) => {
      if (name === 'merged') {
        void told.tell(body);
      }
    });
  }
);
