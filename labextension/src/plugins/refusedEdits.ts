/**
 * Edits that the server refused repeatedly. They are no longer in the notebook; this browser keeps
 * them until the user decides about them. Only the user discards them.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Notification } from '@jupyterlab/apputils';
import { Dialog, ICommandPalette, showDialog } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { RoomConnection } from '../connection/roomConnection';
import type { RefusedEditsRecord, OfflineStore } from '../connection/offlineStore';
import type { CellDifference } from '../document/difference';
import { noticeBoardOf } from '../rooms/noticeBoards';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

const SHOW = 'jupyter-runtimed:show-refused';

/** A cell's text that the notebook lacks. */
interface Refused extends CellDifference {
  after: string;
}

type Wish = 'later' | 'discard' | 'copy' | 'put-back';

/** The refused edits of one notebook, and their notice. */
class Shelf {
  private rows: RefusedEditsRecord[] = [];

  constructor(
    private readonly room: OpenRoom,
    private readonly store: OfflineStore | null,
    private readonly trans: TranslationBundle,
    private readonly changed: () => void
  ) {}

  get isEmpty(): boolean {
    return this.rows.length === 0;
  }

  /** `data`: the newly refused edits; the store has them too, unless the browser stores nothing. */
  async look(data?: Uint8Array, reason?: string): Promise<void> {
    const { id, path } = this.room.connection;
    const found = (await this.store?.asides(id ?? '', path).catch(() => [])) ?? [];
    const unkept = data !== undefined && found.length === 0;
    // A key that the store never gives.
    const key = -1 - this.rows.length;
    const row = { key, room: id ?? '', path, reason: reason ?? '', at: Date.now() };
    this.rows = unkept ? [...this.rows, { ...row, data }] : found;
    if ((await this.cells()).length > 0) {
      this.tell();
    }
    this.changed();
  }

  async open(): Promise<void> {
    const { rows } = this;
    const cells = await this.cells();
    const wish = await this.ask(cells);
    if (wish === 'copy') {
      await navigator.clipboard.writeText(cells.map(({ after }) => after).join('\n\n'));
    } else if (wish === 'put-back' && !this.putBack(cells)) {
      const text = this.trans.__('You may not change this notebook; nothing was put back.');
      noticeBoardOf(this.room).tell('conflict', { text, level: 'warning', autoClose: 10_000 });
    } else if (wish !== 'later') {
      await this.drop(rows);
    }
  }

  /** Returns the texts that the notebook lacks. */
  private async cells(): Promise<Refused[]> {
    const { lacking } = await import('../document/difference');
    const { documents } = this.room.model;
    if (documents.epoch('notebook') === null) {
      return [];
    }
    const found = this.rows.flatMap(({ data }) => {
      try {
        return lacking(documents.notebook, data);
      } catch (error) {
        console.warn('Edits that were set aside cannot be read:', error);
        return [];
      }
    });
    return refusedTexts(found);
  }

  private tell(): void {
    const { trans } = this;
    const reason = this.rows.at(-1)?.reason ?? '';
    const text = this.room.connection.line.keeps
      ? trans.__('The server refused your edits (%1). This browser keeps them.', reason)
      : trans.__('The server refused your edits (%1). Only this page has them.', reason);
    const show: Notification.IAction = {
      label: trans.__('Show them…'),
      callback: event => {
        // The notice stays until the user decides.
        event.preventDefault();
        void this.open();
      }
    };
    const board = noticeBoardOf(this.room);
    board.tell('refused', { text, level: 'warning', autoClose: false, actions: [show] });
  }

  private async ask(cells: readonly Refused[]): Promise<Wish> {
    const { trans } = this;
    const { cellsView } = await import('../views/cells');
    const captions = { before: trans.__('In the notebook'), after: trans.__('Yours') };
    const button = Dialog.createButton;
    const { button: pressed } = await showDialog({
      title: trans.__('Edits that the server refused'),
      body: new Widget({ node: cellsView(cells, captions, trans) }),
      buttons: [
        button({ label: trans.__('Decide later'), accept: false, actions: ['later'] }),
        button({ label: trans.__('Discard'), displayType: 'warn', actions: ['discard'] }),
        button({ label: trans.__('Copy my text'), actions: ['copy'] }),
        button({ label: trans.__('Put back as new cells'), actions: ['put-back'] })
      ],
      defaultButton: 0
    });
    return (pressed.actions[0] as Wish | undefined) ?? 'later';
  }

  /** Inserts each text as a cell below its origin; false if the notebook takes no new cells. */
  private putBack(cells: readonly Refused[]): boolean {
    const { model } = this.room;
    if (model.readOnly) {
      return false;
    }
    const places = model.cells.map(cell => cell.id);
    const below = ({ id }: Refused): number =>
      places.includes(id) ? places.indexOf(id) : Infinity;
    const downwards = [...cells].sort((a, b) => (below(a) < below(b) ? -1 : 1));
    model.transact(() => {
      downwards.forEach((cell, added) => {
        const { type, after } = cell;
        const index = Math.min(below(cell) + 1, places.length) + added;
        model.insertCell(index, { cell_type: type, source: after, metadata: {} });
      });
    });
    return true;
  }

  /** Edits that were refused during the decision stay. */
  private async drop(rows: readonly RefusedEditsRecord[]): Promise<void> {
    const gone = new Set(rows.map(({ key }) => key));
    this.rows = this.rows.filter(({ key }) => !gone.has(key));
    if (this.isEmpty) {
      noticeBoardOf(this.room).withdraw('refused');
    }
    this.changed();
    for (const key of gone) {
      await this.store?.dropAside(key);
    }
  }
}

/** Keeps each text once, and only non-empty ones. */
function refusedTexts(cells: readonly CellDifference[]): Refused[] {
  const texts = new Map<string, Refused>();
  for (const cell of cells) {
    if (cell.after !== null && cell.after.trim() !== '') {
      texts.set(JSON.stringify([cell.id, cell.after]), { ...cell, after: cell.after });
    }
  }
  return [...texts.values()];
}

async function follow(
  room: OpenRoom,
  rooms: IRooms,
  trans: TranslationBundle,
  changed: () => void
): Promise<Shelf> {
  const shelf = new Shelf(room, await rooms.store, trans, changed);
  room.connection.conflicted.connect((_, conflict) => {
    if (conflict.kind === 'set-aside') {
      // Until then the notebook here still contains the refused edits.
      void live(room.connection).then(() => shelf.look(conflict.data, conflict.reason));
    }
  });
  void room.connection.ready.then(
    () => shelf.look(),
    () => undefined
  );
  return shelf;
}

function live(connection: RoomConnection): Promise<void> {
  return new Promise(resolve => {
    const look = (): void => {
      if (connection.status.phase === 'live') {
        connection.statusChanged.disconnect(look);
        resolve();
      }
    };
    connection.statusChanged.connect(look);
    look();
  });
}

function addCommand(
  app: JupyterFrontEnd,
  label: string,
  current: () => Shelf | undefined,
  palette: ICommandPalette | null
): void {
  app.commands.addCommand(SHOW, {
    label,
    isEnabled: () => current()?.isEmpty === false,
    execute: () => current()?.open(),
    describedBy: { args: { type: 'object', properties: {} } }
  });
  palette?.addItem({ command: SHOW, category: 'Notebook Operations' });
}

export const refusedEdits: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:refused-edits',
  description: 'Gives back work that the server refused.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app,
    rooms: IRooms,
    tracker: INotebookTracker,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const shelves = new WeakMap<OpenRoom, Shelf>();
    const current = (): Shelf | undefined => {
      const room = rooms.of(tracker.currentWidget?.context.model.sharedModel);
      return room === null ? undefined : shelves.get(room);
    };
    addCommand(app, trans.__('Show Edits That the Server Refused'), current, palette);
    rooms.opened.connect((_, room) => {
      void follow(room, rooms, trans, () => {
        app.commands.notifyCommandChanged(SHOW);
      }).then(shelf => shelves.set(room, shelf));
    });
  }
};
