/**
 * The inside of a room's notebook: transactions, and what their changes mean for undo, for the views
 * and for the server.
 *
 * One outermost transaction is one Automerge change and one round of events. It knows JupyterLab's
 * rules of events through `dispatch`, and the documents through `RoomDocuments`.
 */
import type { SharedCell } from '@jupyter/ydoc';
import { UUID } from '@lumino/coreutils';
import type { NotebookBatch } from '../document/documents';
import { RoomDocuments } from '../document/documents';
import type { CellNode, NotebookNode } from '../document/schema';
import { own } from '../document/schema';
import type { AnyRoomCell } from './dispatch';
import { Dispatcher, makeCell } from './dispatch';
import { applyItem, History, inverseOf } from './history';
import type { RoomNotebook, RoomNotebookOptions } from './notebook';
import { RunViews } from './runs';
import { knownType, Transaction } from './transaction';
import type { UndoItem, UndoStack } from './undo';
import { REAL_CLOCK } from './undo';

/** Why an edit was not taken. */
export type Refusal = 'read-only' | 'not-loaded';

/** On which stack a change can be undone (none), and who made it. */
export interface Context {
  stack: UndoStack | null;
  origin: unknown;
}

const NOTHING = { outputs: [], trusted: true };

interface Open {
  tx: Transaction;
  fresh: Map<string, AnyRoomCell>;
  after: (() => void)[];
}

export class NotebookCore {
  constructor(
    private readonly _notebook: RoomNotebook,
    options: RoomNotebookOptions
  ) {
    this.dispatch = new Dispatcher(_notebook);
    this.runs = new RunViews(this.documents, this.dispatch, {
      ...options,
      trustGained: id => {
        _notebook.trustGained.emit(id);
      }
    });
    const host = {
      mayApply: () => !this._refuses(),
      apply: (item: UndoItem, stack: UndoStack) => this._undo(item, stack)
    };
    this.history = new History(host, options.clock ?? REAL_CLOCK);
    this.documents.notebookChanged.connect((_, batch) => {
      this._takeForeign(batch);
    });
    this.documents.runtimeChanged.connect((_, { edit }) => {
      this.runs.tell(edit.cells);
    });
  }

  readonly documents = new RoomDocuments();
  readonly dispatch: Dispatcher;
  readonly runs: RunViews;
  readonly history: History;

  /** The document as it is now, also inside a transaction. */
  get live(): NotebookNode {
    return this._open?.tx.draft ?? this.documents.notebook;
  }

  cellNode(id: string): CellNode | undefined {
    return own(this.live.cells, id);
  }

  /** Everything that `f` writes is one change; its events come when the outermost one ends. */
  run(f: () => void, context: Context): void {
    if (this._open !== null || this._refusing) {
      f();
    } else if (this._reason() === null) {
      this._commit(f, context, null);
    } else {
      this._runRefused(f);
    }
  }

  /** Writes, in the open transaction or in one of its own. False when it was refused. */
  write(f: (tx: Transaction) => void, context: Context): boolean {
    let taken = false;
    this.run(() => {
      if (this._open === null) {
        this._refusals++;
      } else {
        f(this._open.tx);
        taken = true;
      }
    }, context);
    return taken;
  }

  insert(index: number, cells: SharedCell.Cell[], context: Context): AnyRoomCell[] {
    let made: AnyRoomCell[] = [];
    const taken = this.write(tx => {
      made = tx.insert(index, cells).map((id, i) => {
        this.runs.expect(id, tx.wanted.get(id) ?? NOTHING);
        const cell = makeCell(this._notebook, id, knownType(cells[i]?.cell_type));
        this._open?.fresh.set(id, cell);
        return cell;
      });
    }, context);
    // Of refused cells there are wrappers too, of nothing: callers go on with them.
    return taken
      ? made
      : cells.map(cell => makeCell(this._notebook, UUID.uuid4(), knownType(cell.cell_type)));
  }

  /** Emits when the events of what happens now are out. */
  afterEvents(emit: () => void): void {
    if (this._open === null) {
      this.dispatch.enqueue(emit);
    } else {
      this._open.after.push(emit);
    }
  }

  dispose(): void {
    this.dispatch.dispose();
    this.runs.dispose();
    this.documents.dispose();
  }

  private _commit(
    f: () => void,
    context: Context,
    capture: ((item: UndoItem | null) => void) | null
  ): void {
    const after: Open['after'] = [];
    const made: { open?: Open } = {};
    let batch: NotebookBatch | null;
    try {
      batch = this.documents.edit(draft => {
        made.open = { tx: new Transaction(draft), fresh: new Map(), after };
        this._open = made.open;
        f();
        made.open.tx.finish();
      });
    } finally {
      this._open = null;
    }
    if (batch !== null && made.open !== undefined) {
      this._taken(batch, made.open, context, capture);
    }
    after.forEach(emit => {
      this.dispatch.enqueue(emit);
    });
  }

  private _taken(
    batch: NotebookBatch,
    { tx, fresh }: Open,
    { stack, origin }: Context,
    capture: ((item: UndoItem | null) => void) | null
  ): void {
    const emptied = [...tx.wanted].filter(([, wanted]) => wanted === null).map(([id]) => id);
    const item = stack === null ? null : inverseOf(batch, this.documents.runtime, emptied);
    if (capture !== null) {
      capture(item);
    } else if (item !== null) {
      stack?.push(item);
    }
    this.history.rebase(batch, stack);
    this.dispatch.enqueue(() => {
      this.dispatch.tell({ batch, renewed: tx.renewed, fresh, origin, undo: capture !== null });
      this._notebook.dirty = true;
    });
    this.runs.left(tx.deleted);
    for (const [id, wanted] of tx.wanted) {
      this.runs.want(id, wanted);
    }
  }

  private _takeForeign(batch: NotebookBatch): void {
    this.history.rebase(batch, null);
    const lost = batch.loaded ? [] : this.history.rescue(batch, this.documents.runtime);
    const plain = { renewed: new Set<string>(), fresh: new Map(), origin: 'remote', undo: false };
    this.dispatch.enqueue(() => {
      this.dispatch.tell({ batch, ...plain });
      if (!batch.loaded) {
        this._notebook.dirty = true;
      }
      lost.forEach(id => {
        this._notebook.cellLost.emit(id);
      });
    });
  }

  private _undo(item: UndoItem, stack: UndoStack): UndoItem | null {
    const made: { inverse: UndoItem | null } = { inverse: null };
    const write = (): void => {
      if (this._open !== null) {
        item.outputs.forEach((kept, id) => {
          this.runs.expect(id, kept);
        });
        applyItem(item, this._open.tx);
      }
    };
    this._commit(write, { stack, origin: stack }, inverse => {
      made.inverse = inverse;
    });
    if (made.inverse !== null) {
      this.runs.restore(item);
    }
    return made.inverse;
  }

  /** Runs `f` for what else it does; what it writes goes nowhere. */
  private _runRefused(f: () => void): void {
    this._refusing = true;
    const before = this._refusals;
    try {
      f();
    } finally {
      this._refusing = false;
    }
    if (this._refusals > before) {
      this._refuses();
    }
  }

  private _refuses(): boolean {
    const reason = this._reason();
    if (reason !== null) {
      this._notebook.refused.emit(reason);
    }
    return reason !== null;
  }

  private _reason(): Refusal | null {
    if (this._notebook.readOnly) {
      return 'read-only';
    }
    return this.documents.epoch('notebook') === null ? 'not-loaded' : null;
  }

  private _open: Open | null = null;
  private _refusing = false;
  private _refusals = 0;
}
