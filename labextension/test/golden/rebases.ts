/**
 * Plays the cases of `tests/golden/rebase.json` with the browser client's rebase.
 *
 * A case names the author of each edit: `own` is the client, and `ben` is another peer. The
 * section "Shared vectors" of `docs/design/protocol.md` explains the file.
 */
import * as am from '../../src/document/automerge';
import { RoomDocuments } from '../../src/document/documents';
import { spread } from '../../src/document/fractionalIndex';
import type { CellNode, JsonMap, NotebookNode } from '../../src/document/schema';
import { cellOrder, own } from '../../src/document/schema';
import { SEEDS } from '../../src/document/seeds';
import { PendingChanges } from '../../src/peer/pendingChanges';
import type { Edit } from './edits';
import { newCell, write } from './edits';

type CellLine = [id: string, type: string, source: string];

type EditStep = { own: Edit; reached?: boolean } | { ben: Edit; unseen?: boolean; lost?: boolean };

export interface Rebased {
  cells: unknown[];
  metadata?: Record<string, string>;
  dropped: string[];
}

export interface Case {
  name: string;
  start?: CellLine[];
  edits: EditStep[];
  fresh: 'same history' | { cells: CellLine[]; has?: number[] };
  expect?: Partial<Rebased> & { typescript?: Partial<Rebased>; python?: Partial<Rebased> };
}

type Doc = am.Doc<NotebookNode>;

/** The client's documents, the server's notebook, and one with edits that the server loses. */
class Played {
  readonly documents = new RoomDocuments();
  readonly made: Uint8Array[] = [];
  room: Doc;
  private lost: Doc | null = null;
  private readonly ledger: PendingChanges;

  constructor(start: readonly CellLine[]) {
    const saved = am.save(notebookOf(start, 'room'));
    this.documents.setActor(ownActor(1));
    this.documents.load('notebook', 'n1', saved);
    this.room = am.load<NotebookNode>(saved, { actor: hexActor('ben') });
    const shared = this.documents.heads('notebook');
    this.ledger = new PendingChanges(this.documents, { shared, tickets: [] });
    this.documents.localChanged.connect((_, data) => {
      this.made.push(data);
      this.ledger.made(data);
    });
  }

  edit(step: EditStep): void {
    if ('own' in step) {
      this.documents.edit(draft => {
        write(draft, step.own);
      });
      if (step.reached === true) {
        [this.room] = am.applyChanges(this.room, this.made.slice(-1));
      }
    } else if (step.lost === true) {
      this.lost ??= am.clone(this.room, { actor: hexActor('ben, lost') });
      this.lost = this.byBen(this.lost, step.ben, true);
    } else {
      this.room = this.byBen(this.room, step.ben, step.unseen !== true);
    }
  }

  /** Own changes that another document lacks, if it has those with these hashes. */
  left(had: string[]): Uint8Array[] {
    return this.ledger.leave(had);
  }

  private byBen(doc: Doc, edit: Edit, seen: boolean): Doc {
    const after = am.change(doc, { time: 0 }, draft => {
      write(draft, edit);
    });
    if (seen) {
      const data = new Uint8Array(
        am.getChangesSince(after, am.getHeads(doc)).flatMap(change => [...change])
      );
      const before = this.documents.heads('notebook');
      this.documents.apply('notebook', data);
      this.ledger.received(before, this.documents.heads('notebook'));
    }
    return after;
  }
}

/** Rebases the client's edits onto the fresh copy. */
export function play(played: Case, start: readonly CellLine[]): Rebased {
  const state = new Played(played.start ?? start);
  played.edits.forEach(step => {
    state.edit(step);
  });
  const { documents, made } = state;
  const { fresh } = played;
  const isSame = fresh === 'same history';
  const has = isSame ? [] : (fresh.has ?? []);
  const had = has.map(number => am.decodeChange(made[number - 1] ?? new Uint8Array()).hash);
  const copy = isSame ? state.room : notebookOf(fresh.cells, 'another');
  const left = state.left(isSame ? [] : had);
  documents.setActor(ownActor(2));
  const rebased = documents.rebase(left, isSame ? 'n1' : 'n2', am.save(copy));
  const { cells, metadata } = documents.notebook;
  const notebook = texts(metadata);
  return {
    cells: cellOrder(cells).map(id => described(id, own(cells, id))),
    ...(Object.keys(notebook).length > 0 ? { metadata: notebook } : {}),
    dropped: rebased.dropped.map(({ cell }) => cell).sort()
  };
}

function described(id: string, cell: CellNode | undefined): unknown[] {
  const maps = { metadata: texts(cell?.metadata), attachments: texts(cell?.attachments) };
  const more = Object.entries(maps).filter(([, map]) => Object.keys(map).length > 0);
  const line = [id, am.read(cell?.cell_type), cell?.source];
  return more.length > 0 ? [...line, Object.fromEntries(more)] : line;
}

function texts(map: JsonMap | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(map ?? {}).map(([key, text]) => [key, am.read(text)]));
}

function notebookOf(lines: readonly CellLine[], author: string): Doc {
  const seed = Uint8Array.from(atob(SEEDS.notebook.base64), c => c.charCodeAt(0));
  const positions = spread('', null, lines.length);
  const empty = am.load<NotebookNode>(seed, { actor: hexActor(author) });
  if (lines.length === 0) {
    return empty;
  }
  return am.change(empty, { time: 0 }, draft => {
    lines.forEach(([id, type, source], at) => {
      draft.cells[id] = newCell(type, source, positions[at] ?? '');
    });
  });
}

/** Returns an actor: a prefix that the server assigns to a connection, and four own bytes. */
function ownActor(fork: number): Uint8Array {
  return new Uint8Array([...Buffer.from('own'.padEnd(16, '.')), 0, 0, 0, fork]);
}

function hexActor(name: string): string {
  return Buffer.from(name.padEnd(20, '.')).toString('hex');
}
