/** Shows the other users of a notebook: carets in editors, names at cells. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { IConfigurableExtension } from '@jupyterlab/codemirror';
import { EditorExtensionRegistry, IEditorExtensionRegistry } from '@jupyterlab/codemirror';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';

import { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { isRoomCell } from '../editor/source';
import type { RoomCell } from '../model/cell';
import type { Guest, guestsOf as GuestsOf } from '../presence/guests';
import type { People } from '../presence/people';
import type { PresenceState, User } from '../protocol/frames';
import { toolbarEndOf } from '../views/toolbarEnd';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

interface Guests {
  guestsOf: typeof GuestsOf;
}

type Trans = TranslationBundle;

type Make = (room: () => OpenRoom | null, goTo: (cell: string) => void) => People;

/** The number of users in the status bar of a narrow page. */
const FEW = 4;

/** Puts the names of the others at their cells, each in the user's colour. */
function mark(panel: NotebookPanel, room: OpenRoom, { guestsOf }: Guests, trans: Trans): void {
  const peers = [...room.connection.peers.values()];
  for (const { model, node } of panel.content.widgets) {
    const here = guestsOf(
      peers.filter(peer => peer.cell === model.id),
      null,
      trans
    );
    const before = node.querySelector(':scope > .jp-RuntimedCellPresence');
    const said = JSON.stringify(here);
    if (here.length === 0) {
      before?.remove();
    } else if (!(before instanceof HTMLElement && before.dataset['said'] === said)) {
      before?.remove();
      node.append(namesOf(here, said));
    }
  }
}

function namesOf(guests: readonly Guest[], said: string): HTMLElement {
  const names = document.createElement('div');
  names.className = 'jp-RuntimedCellPresence';
  names.dataset['said'] = said;
  for (const { title, color, agent, away } of guests) {
    const name = document.createElement('span');
    name.className = 'jp-RuntimedCellPresence-name';
    name.classList.toggle('jp-mod-agent', agent);
    name.classList.toggle('jp-mod-away', away);
    name.textContent = title;
    name.style.setProperty('--jp-runtimed-color', color);
    names.append(name);
  }
  return names;
}

/** Publishes the active cell, and shows the cells of the others. */
function follow(panel: NotebookPanel, room: OpenRoom, guests: Guests, trans: Trans): void {
  const { content } = panel;
  const { connection } = room;
  const tell = (): void => {
    const cell = content.activeCell?.model.id;
    // The editor publishes the place of typing; this call makes a new client visible at once,
    // wherever its user is.
    if (!connection.isDisposed && (content.mode === 'command' || connection.presence === null)) {
      connection.setPresence(
        cell === undefined ? { doing: 'reading' } : { cell, doing: 'reading' }
      );
    }
  };
  const show = (): void => {
    mark(panel, room, guests, trans);
  };
  content.activeCellChanged.connect(tell);
  room.connection.presenceChanged.connect(show);
  panel.disposed.connect(() => {
    room.connection.presenceChanged.disconnect(show);
  });
  tell();
}

/** Shows the initials of the present users at the end of the toolbar. */
function welcome(panel: NotebookPanel, room: OpenRoom, people: People): void {
  const refresh = (): void => {
    people.update();
  };
  room.connection.presenceChanged.connect(refresh);
  // The first answer of the server names the user.
  room.connection.statusChanged.connect(refresh);
  people.disposed.connect(() => {
    room.connection.presenceChanged.disconnect(refresh);
    room.connection.statusChanged.disconnect(refresh);
  });
  toolbarEndOf(panel).addWidget(people);
  refresh();
}

/** Shows the users of the current notebook on a page that is too narrow for a toolbar row. */
function addItem(
  statusBar: IStatusBar,
  tracker: INotebookTracker,
  rooms: IRooms,
  make: Make
): void {
  let room: OpenRoom | null = null;
  const people = make(
    () => room,
    cell => {
      if (tracker.currentWidget !== null) {
        goTo(tracker.currentWidget, cell);
      }
    }
  );
  people.addClass('jp-RuntimedPeople-item');
  const refresh = (): void => {
    people.update();
  };
  const follow = (): void => {
    room?.connection.presenceChanged.disconnect(refresh);
    room?.connection.statusChanged.disconnect(refresh);
    room = rooms.of(tracker.currentWidget?.context.model.sharedModel);
    room?.connection.presenceChanged.connect(refresh);
    room?.connection.statusChanged.connect(refresh);
    refresh();
  };
  tracker.currentChanged.connect(follow);
  statusBar.registerStatusItem('jupyter-runtimed:people', {
    item: people,
    align: 'right',
    rank: 49,
    priority: 1,
    isActive: () => room !== null
  });
  follow();
}

function goTo({ content }: NotebookPanel, cell: string): void {
  const index = content.widgets.findIndex(({ model }) => model.id === cell);
  if (index >= 0) {
    content.activeCellIndex = index;
    void content.scrollToItem(index, 'smart');
  }
}

/** Updates views when the server begins to trust a cell's outputs. */
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
  optional: [ITranslator, IStatusBar],
  activate: async (
    _,
    rooms: IRooms,
    tracker: INotebookTracker,
    extensions: IEditorExtensionRegistry,
    translator: ITranslator | null,
    statusBar: IStatusBar | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const [{ editorPresence }, guests, { People }] = await Promise.all([
      import('../presence/editor'),
      import('../presence/guests'),
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
    const people = (
      room: () => OpenRoom | null,
      go: (cell: string) => void,
      most?: number
    ): People => {
      const peers = (): Iterable<PresenceState> => room()?.connection.peers.values() ?? [];
      const self = (): User | null => room()?.connection.user ?? null;
      return new People(peers, self, go, trans, most);
    };
    const take = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room !== null) {
        follow(panel, room, guests, trans);
        trust(panel, room);
        welcome(
          panel,
          room,
          people(() => room, goTo.bind(null, panel))
        );
      }
    };
    if (statusBar !== null) {
      addItem(statusBar, tracker, rooms, (room, go) => people(room, go, FEW));
    }
    tracker.forEach(take);
    tracker.widgetAdded.connect((_sender, panel) => {
      take(panel);
    });
  }
};
