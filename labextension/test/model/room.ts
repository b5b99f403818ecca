/** Rooms for tests: notebooks and plain Automerge peers that exchange their changes. */
import type { NotebookChange, CellChange } from '@jupyter/ydoc';
import { read, save } from '../../src/document/automerge';
import type { NotebookNode, RuntimeNode } from '../../src/document/schema';
import { cellOrder } from '../../src/document/schema';
import type { AnyRoomCell } from '../../src/model/makeCell';
import type { RoomCodeCell } from '../../src/model/codeCell';
import type { RoomNotebookOptions } from '../../src/model/notebook';
import { RoomNotebook } from '../../src/model/notebook';
import { Agent, putNew } from '../document/agent';
import { actorOf, notebookDoc, runtimeDoc, seedBytes } from '../document/setup';

let actors = 1;

/** One open notebook, and the bytes of its own changes that it has not sent yet. */
export class Peer {
  constructor(options: RoomNotebookOptions, notebook: Uint8Array, runtime: Uint8Array) {
    const usual = { disableDocumentWideUndoRedo: true, keepsMoved: Peer.keepsMoved };
    this.notebook = new RoomNotebook({ ...usual, ...options });
    this.notebook.documents.setActor(actorOf(++actors));
    this.notebook.attach({
      notebook: { epoch: 'n1', data: notebook },
      runtime: { epoch: 'r1', data: runtime }
    });
    this.notebook.documents.localChanged.connect((_, data) => {
      this.unsent.push(data);
    });
  }

  /** Whether the lists of JupyterLab can move cells, after `installViewExtensions`. */
  static keepsMoved = false;

  readonly notebook: RoomNotebook;
  unsent: Uint8Array[] = [];

  get sources(): string[] {
    return this.notebook.cells.map(cell => cell.getSource());
  }

  get ids(): string[] {
    return this.notebook.cells.map(cell => cell.id);
  }

  cell(id: string): AnyRoomCell {
    const found = this.notebook.cells.find(cell => cell.id === id);
    if (found === undefined) {
      throw new Error(`there is no cell ${id} here`);
    }
    return found;
  }

  code(id: string): RoomCodeCell {
    const cell = this.cell(id);
    if (cell.cell_type !== 'code') {
      throw new Error(`${id} is not a code cell`);
    }
    return cell;
  }

  /** The cells of the document, independent of the wrappers. */
  get documentCells(): { id: string; type: string; source: string }[] {
    const { cells } = this.notebook.documents.notebook;
    return cellOrder(cells).map(id => {
      const cell = cells[id];
      return { id, type: read(cell?.cell_type), source: cell?.source ?? '' };
    });
  }
}

/** Notebooks and plain peers of one room; only `sync` carries notebook changes between them. */
export class Room {
  constructor(
    readonly seeds: { notebook: Uint8Array; runtime: Uint8Array },
    readonly agent: Agent<NotebookNode>,
    readonly server: Agent<RuntimeNode>,
    private readonly _start: { notebook: Uint8Array; runtime: Uint8Array }
  ) {}

  readonly peers: Peer[] = [];
  private readonly _fromAgent: Uint8Array[] = [];

  open(options: RoomNotebookOptions = {}): Peer {
    const peer = new Peer(options, this._start.notebook, this._start.runtime);
    this.peers.push(peer);
    return peer;
  }

  agentEdits(write: (draft: NotebookNode) => void): void {
    this._fromAgent.push(this.agent.edit(write));
  }

  /** Writes the runtime document as the server, and applies the change to all peers at once. */
  serverWrites(write: (draft: RuntimeNode) => void): void {
    const data = this.server.edit(write);
    this.peers.forEach(peer => {
      peer.notebook.documents.apply('runtime', data);
    });
  }

  /** Carries each change to all peers that do not have it. */
  sync(): void {
    const fromAgent = this._fromAgent.splice(0);
    const fromPeers = this.peers.map(peer => peer.unsent.splice(0));
    this.peers.forEach((peer, i) => {
      const others = fromPeers.filter((_, j) => j !== i).flat();
      [...others, ...fromAgent].forEach(data => {
        peer.notebook.documents.apply('notebook', data);
      });
    });
    fromPeers.flat().forEach(data => {
      this.agent.receive(data);
    });
  }
}

export interface CellSpec {
  id: string;
  source?: string;
  type?: string;
}

/** Returns a room whose notebook has these cells, and whose runtime document `write` fills. */
export async function room(
  cells: (string | CellSpec)[] = [],
  write: (draft: RuntimeNode) => void = () => undefined
): Promise<Room> {
  const seeds = await seedBytes();

  const agent = new Agent(notebookDoc(seeds.notebook, ++actors));
  agent.edit(draft => {
    cells.forEach((cell, i) => {
      const { id, source, type }: CellSpec = typeof cell === 'string' ? { id: cell } : cell;
      putNew(draft, id, `${'123456789ABCDEFGHIJKLMNOPQRS'.charAt(i)}V`, source ?? '', type);
    });
  });
  const server = new Agent(runtimeDoc(seeds.runtime, ++actors));
  server.edit(write);
  return new Room(seeds, agent, server, {
    notebook: save(agent.doc),
    runtime: save(server.doc)
  });
}

export function listen(peer: Peer): NotebookChange[] {
  const changes: NotebookChange[] = [];
  peer.notebook.changed.connect((_, change) => {
    if (change.stateChange === undefined) {
      changes.push(change);
    }
  });
  return changes;
}

export function listenCell(cell: AnyRoomCell): CellChange[] {
  const changes: CellChange[] = [];
  (cell as RoomCodeCell).changed.connect((_, change) => {
    changes.push(change);
  });
  return changes;
}

/** Ends the running command, so that undo separates it from the next one. */
export async function nextCommand(): Promise<void> {
  await Promise.resolve();
}
