/**
 * The inside of a room's notebook: transactions, and the effects of their changes on undo, views
 * and server.
 *
 * One outermost transaction is one Automerge change and one round of events. JupyterLab's rules of
 * events are in `cellList.ts`, the documents behind `RoomDocuments`.
 */
import type { SharedCell } from '@jupyter/ydoc';
import { UUID } from '@lumino/coreutils';
import type { NotebookBatch } from '../document/documents';
import { RoomDocuments } from '../document/documents';
import type { CellNode, NotebookNode } from '../document/schema';
import { own, typeOf } from '../document/schema';
import { setText } from '../document/writes';
import { CellList } from './cellList';
import { applyItem, deletedIn, History, inverseOf } from './history';
import type { CellHost, Context, Emitter, ListHost } from './host';
import type { AnyRoomCell } from './makeCell';
import { makeCell } from './makeCell';
import { mergeText, normalizeLines } from '../document/text';
import type { RunOptions } from './cellOutputs';
import { CellOutputs } from './cellOutputs';
import { knownType, Draft } from './draft';
import type { UndoClock, UndoItem, UndoStack } from './undo';
import { REAL_CLOCK } from './undo';

/** The reason why an edit was refused. */
export type Refusal = 'read-only' | 'not-loaded';

/** The notebook around the transactions, with the events that they cause. */
export type NotebookHost = CellHost &
  ListHost & {
    readonly trustGained: Emitter<string>;
    readonly cellLost: Emitter<string>;
    readonly refused: Emitter<Refusal>;
  };

export interface TransactionsOptions extends Omit<RunOptions, 'trustGained'> {
  clock?: UndoClock;
}

/** A cell that others deleted, kept for the person who typed in it. */
export interface DeletedCell {
  restore: (text: string) => void;
  /** Whether the cell is there again. */
  isBack: () => boolean;
  /** Applies the edit from `base` to `text` to the restored cell. */
  rejoin: (base: string, text: string) => void;
}

const NOTHING = { outputs: [], trusted: true };

interface Open {
  tx: Draft;
  fresh: Map<string, AnyRoomCell>;
  after: (() => void)[];
}

export class Transactions {
  constructor(
    private readonly _notebook: NotebookHost,
    options: TransactionsOptions
  ) {
    this.dispatch = new CellList(_notebook, (id, type) => makeCell(_notebook, id, type));
    this.runs = new CellOutputs(this.documents, this.dispatch, {
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
  readonly dispatch: CellList;
  readonly runs: CellOutputs;
  readonly history: History;

  /** The present document, also inside a transaction. */
  get live(): NotebookNode {
    return this._open?.tx.draft ?? this.documents.notebook;
  }

  cellNode(id: string): CellNode | undefined {
    return own(this.live.cells, id);
  }

  /** Makes all writes of `f` one change; its events come when the outermost transaction ends. */
  run(f: () => void, context: Context): void {
    if (this._open !== null || this._refusing) {
      f();
    } else if (this._reason() === null) {
      this._commit(f, context, null);
    } else {
      this._runRefused(f);
    }
  }

  /** Writes in the open transaction, or in a new one. False if the write was refused. */
  write(f: (tx: Draft) => void, context: Context): boolean {
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
    // Refused cells get empty wrappers too, because callers continue with them.
    return taken
      ? made
      : cells.map(cell => makeCell(this._notebook, UUID.uuid4(), knownType(cell.cell_type)));
  }

  /** Holds a cell's wrapper while an editor needs it. */
  hold(id: string, editor: object, isHeld: boolean): void {
    if (this.dispatch.hold(id, editor, isHeld)) {
      this.dispatch.enqueue(() => {
        this.dispatch.catchUp(this.documents.notebook);
      });
    }
  }

  /** Emits after the events of the present change. */
  afterEvents(emit: () => void): void {
    if (this._open === null) {
      this.dispatch.enqueue(emit);
    } else {
      this._open.after.push(emit);
    }
  }

  /** The actors of the remote change that is being announced. */
  get foreignActors(): readonly string[] {
    return this._foreign?.actors ?? [];
  }

  keepDeleted(id: string): DeletedCell | null {
    const batch = this._foreign;
    if (batch === null || !batch.edit.deleted.has(id)) {
      return null;
    }
    this._kept.add(id);
    const item = deletedIn(batch, id, this.documents.runtime);
    return {
      restore: text => {
        this._restore(id, item, text);
      },
      isBack: () => this.dispatch.cell(id) !== undefined,
      rejoin: (base, text) => {
        const there = this.dispatch.cell(id);
        there?.setSource(mergeText(base, text, there.getSource()));
      }
    };
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
        made.open = { tx: new Draft(draft), fresh: new Map(), after };
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
      this._foreign = batch;
      this._kept.clear();
      this.dispatch.tell({ batch, ...plain });
      this._foreign = null;
      if (!batch.loaded) {
        this._notebook.dirty = true;
      }
      lost
        .filter(id => !this._kept.has(id))
        .forEach(id => {
          this._notebook.cellLost.emit(id);
        });
    });
  }

  /**
   * Restores a deleted cell with the typed text, or puts the text beside the cell if it exists
   * again with other text.
   */
  private _restore(id: string, item: UndoItem, text: string): void {
    const there = this.dispatch.cell(id);
    if (there === undefined) {
      const stack = this.history.notebook;
      stack.stopCapturing();
      item.outputs.forEach((kept, cell) => {
        this.runs.expect(cell, kept);
      });
      const put = (tx: Draft): void => {
        applyItem(item, tx);
        setText(tx.draft, id, normalizeLines(text));
      };
      if (this.write(put, { stack, origin: stack })) {
        this.runs.restore(item);
      }
    } else if (there.getSource() !== text) {
      const cell = { cell_type: typeOf(this.cellNode(id)), source: text };
      this._notebook.insertCell(this.dispatch.cells.indexOf(there) + 1, cell);
    }
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

  /** Runs `f` for its other effects; its writes are discarded. */
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
  private _foreign: NotebookBatch | null = null;
  private readonly _kept = new Set<string>();
  private _refusing = false;
  private _refusals = 0;
}
