/** Reports that another program changed the file of an open notebook, and shows the changes. */
import type { Notification } from '@jupyterlab/apputils';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { RoomNotice } from '../connection/roomConnection';
import type { RoomDocuments } from '../document/documents';
import type { ShownCell } from '../views/cells';
import { noticeBoardOf } from '../rooms/noticeBoards';
import { forEachRoom } from './forEachRoom';
import type { OpenRoom } from '../tokens';

const SHOWN_MS = 15_000;
/** For a program that writes continuously, the notice shows only the last changes. */
const MOST_TOLD = 20;

interface Merge {
  at: Date;
  cells: ShownCell[];
}

/** The undismissed changes of one notebook: one notice, however often the file changes. */
class Outside {
  private merges: Merge[] = [];

  constructor(
    private readonly room: OpenRoom,
    private readonly trans: TranslationBundle
  ) {}

  async tell(body: RoomNotice['body']): Promise<void> {
    const cells = await changedCells(this.room.model.documents, body);
    if (cells.length === 0) {
      return;
    }
    const revert = revertOf(body);
    if (revert !== null) {
      this.tellRevert(revert, cells);
      return;
    }
    const board = noticeBoardOf(this.room);
    const before = board.shows('outside') ? this.merges : [];
    this.merges = [...before, { at: new Date(), cells }].slice(-MOST_TOLD);
    const { text } = this;
    const show = this.show(this.merges);
    board.tell('outside', { text, level: 'info', autoClose: SHOWN_MS, actions: [show] });
  }

  /** Another user restored the content that a revert removed. */
  undone(body: RoomNotice['body']): void {
    const { trans } = this;
    const by = typeof body['by'] === 'string' ? body['by'] : '';
    const text = trans.__('%1 brought back what was there before the revert.', by);
    noticeBoardOf(this.room).tell('reverted', { text, level: 'info', autoClose: SHOWN_MS });
  }

  private tellRevert({ name, username, id }: Revert, cells: ShownCell[]): void {
    const { trans, room } = this;
    const file = PathExt.basename(room.connection.path);
    const isMine = username === room.connection.user?.username;
    const text = isMine
      ? trans._n(
          'You took %2 back to a checkpoint: %1 cell changed.',
          'You took %2 back to a checkpoint: %1 cells changed.',
          cells.length,
          file
        )
      : trans._n(
          '%3 took %2 back to a checkpoint: %1 cell changed.',
          '%3 took %2 back to a checkpoint: %1 cells changed.',
          cells.length,
          file,
          name
        );
    const undo: Notification.IAction = {
      label: trans.__('Bring back'),
      callback: (): void => {
        room.connection.call('undo_revert', { revert: id }).catch((error: unknown) => {
          const why = error instanceof Error ? error.message : String(error);
          noticeBoardOf(room).tell('reverted', { text: why, level: 'error', autoClose: false });
        });
      }
    };
    const actions = [this.show([{ at: new Date(), cells }])];
    if (room.connection.status.role !== 'viewer') {
      actions.push(undo);
    }
    noticeBoardOf(room).tell('reverted', { text, level: 'warning', autoClose: false, actions });
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

  private show(merges: readonly Merge[]): Notification.IAction {
    return {
      label: this.trans.__('Show difference'),
      callback: (event): void => {
        // The notice stays, with the other available actions.
        event.preventDefault();
        void this.open(merges);
      }
    };
  }

  private async open(merges: readonly Merge[]): Promise<void> {
    const { trans } = this;
    const { cellsView } = await import('../views/cells');
    const captions = { before: trans.__('Before'), after: trans.__('From the file') };
    const node = document.createElement('div');
    for (const { at, cells } of merges) {
      if (merges.length > 1) {
        const time = node.appendChild(document.createElement('h2'));
        time.className = 'jp-RuntimedCellDiff-time';
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

interface Revert {
  id: string;
  username: string;
  name: string;
}

/** The user who reverted to a checkpoint; null if another program changed the file. */
export function revertOf({ by, revert }: RoomNotice['body']): Revert | null {
  const { username, name } = (by ?? {}) as Record<string, unknown>;
  return typeof revert === 'string' && typeof username === 'string' && typeof name === 'string'
    ? { id: revert, username, name }
    : null;
}

/** Returns the cells that `merged` names, after the change has arrived. */
async function changedCells(
  documents: RoomDocuments,
  body: RoomNotice['body']
): Promise<ShownCell[]> {
  const { between } = await import('../document/difference');
  if (documents.epoch('notebook') === null) {
    // The notebook was closed during the wait.
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

/** Waits for a result of `look`, because the change may arrive after its announcement. */
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

export const externalChanges = forEachRoom(
  'jupyter-runtimed:external-changes',
  'Says what another program changed in the file of an open notebook.',
  (room, trans) => {
    const told = new Outside(room, trans);
    room.connection.noticed.connect((_, { name, body }) => {
      if (name === 'merged') {
        void told.tell(body);
      } else if (name === 'revert_undone') {
        told.undone(body);
      }
    });
  }
);
