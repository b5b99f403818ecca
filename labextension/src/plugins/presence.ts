/** Who else is in a notebook, and where: carets in editors, names at cells. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { IConfigurableExtension } from '@jupyterlab/codemirror';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';

import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { isRoomCell } from '../editor/source';
import type { RoomCell } from '../model/cell';
import type { People } from '../presence/people';
import type { PresenceState } from '../protocol/frames';
import { DOMAIN, IRooms } from './tokens';
import type { OpenRoom } from './tokens';

interface Places {
  nameOf: (peer: PresenceState) => string;
  colorOf: (peer: PresenceState) => string;
}

/** Marks the cells in which others are. */
function mark(panel: NotebookPanel, room: OpenRoom, { nameOf, colorOf }: Places): void {
  const peers = [...room.connection.peers.values()];
  for (const cell of panel.content.widgets) {
    const here = peers.filter(peer => peer.cell === cell.model.id);
    const { dataset, style } = cell.node;
    const [first] = here;
    if (first === undefined) {
      delete dataset['runtimedPeers'];
    } else {
      dataset['runtimedPeers'] = [...new Set(here.map(nameOf))].join(', ');
      style.setProperty('--jp-runtimed-color', colorOf(first));
    }
  }
}

/** Tells the others which cell is active, and shows at which cells they are. */
function follow(panel: NotebookPanel, room: OpenRoom, places: Places): void {
  const { content } = panel;
  const tell = (): void => {
    const cell = content.activeCell?.model.id;
    if (!room.connection.isDisposed && content.mode === 'command') {
      room.connection.setPresence(cell === undefined ? null : { cell, doing: 'reading' });
    }
  };
  const show = (): void => {
    mark(panel, room, places);
  };
  content.activeCellChanged.connect(tell);
  room.connection.presenceChanged.connect(show);
  panel.disposed.connect(() => {
    room.connection.presenceChanged.disconnect(show);
  });
  tell();
}

/** Initials of who else is here, at the end of the toolbar. */
function welcome(panel: NotebookPanel, room: OpenRoom, people: People): void {
  const refresh = (): void => {
    people.update();
  };
  room.connection.presenceChanged.connect(refresh);
  people.disposed.connect(() => {
    room.connection.presenceChanged.disconnect(refresh);
  });
  panel.toolbar.addItem('runtimed-people', people);
  refresh();
}

function goTo({ content }: NotebookPanel, cell: string): void {
  const index = content.widgets.findIndex(({ model }) => model.id === cell);
  if (index >= 0) {
    content.activeCellIndex = index;
    void content.scrollToItem(index, 'smart');
  }
}

/** The server trusts a cell's outputs from now on: views show them so. */
function trust(panel: NotebookPanel, room: OpenRoom): void {
  room.model.trustGained.connect((_, id) => {
    for (const cell of panel.model?.cells ?? []) {
      if (cell.id === id) {
        cell.trusted = true;
      }
    }
  });
}

export const presence: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:presence',
  description: 'Shows who else is in a notebook, and where.',
  autoStart: true,
  requires: [IRooms, INotebookTracker, IEditorExtensionRegistry],
  optional: [ITranslator],
  activate: async (
    _,
    rooms: IRooms,
    tracker: INotebookTracker,
    extensions: IEditorExtensionRegistry,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const [{ editorPresence }, places, { People }] = await Promise.all([
      import('../presence/editor'),
      import('../presence/places'),
      import('../presence/people')
    ]);
    extensions.addExtension({
      name: 'runtimed-presence',
      factory: ({ model }): IConfigurableExtension<undefined> | null => {
        const shared: unknown = model.sharedModel;
        const room = isRoomCell(shared) ? rooms.of((shared as unknown as RoomCell).notebook) : null;
        return room === null
          ? null
          : EditorExtensionRegistry.createImmutableExtension(
              editorPresence(room, (shared as RoomCell).id)
            );
      }
    });
    const take = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room !== null) {
        follow(panel, room, places);
        trust(panel, room);
        const peers = (): Iterable<PresenceState> => room.connection.peers.values();
        const go = goTo.bind(null, panel);
        welcome(panel, room, new People(peers, go, trans));
      }
    };
    tracker.forEach(take);
    tracker.widgetAdded.connect((_sender, panel) => {
      take(panel);
    });
  }
};
