/**
 * Turns batches of changes into JupyterLab's events, in one order: the list of cells, the editors,
 * each cell, the notebook's metadata.
 *
 * Batches pass through a queue, so a handler that edits cannot reorder events. No event comes
 * between a change of `cells` and the event that reports it.
 */
import type { Delta, ISharedCell, MapChanges } from '@jupyter/ydoc';
import type { NotebookBatch } from '../document/documents';
import type { NotebookNode } from '../document/schema';
import { cellOrder, minorOf, own, typeOf } from '../document/schema';
import type { RoomCell } from './cell';
import type { ListHost } from './host';
import type { AnyRoomCell } from './makeCell';
import { metadataEvents } from './metadata';
import { reconcile } from './reconcile';
import type { ListStep } from './listSteps';
import { listSteps } from './listSteps';

export interface ViewUpdate {
  batch: NotebookBatch;
  /** Cells that need a new wrapper. */
  renewed: ReadonlySet<string>;
  /** Wrappers that the call that made the cells has already returned. */
  fresh: ReadonlyMap<string, AnyRoomCell>;
  origin: unknown;
  undo: boolean;
}

/**
 * One step of the list of cells; `made` are the wrappers that it adds, `old` the one that it
 * removes.
 */
export type CellStage =
  | Extract<ListStep, { kind: 'move' | 'remove' }>
  | { kind: 'insert'; at: number; made: AnyRoomCell[] }
  | { kind: 'replace'; at: number; made: AnyRoomCell; old: AnyRoomCell };

/** The change of the list that is being announced. */
interface Restructured {
  cells: readonly AnyRoomCell[];
  ids: readonly string[];
  stale: ReadonlySet<string>;
}

export class CellList {
  constructor(
    private readonly _notebook: ListHost,
    private readonly _makeCell: (id: string, type: RoomCell['cell_type']) => AnyRoomCell
  ) {}

  readonly cells: AnyRoomCell[] = [];

  cell(id: string): AnyRoomCell | undefined {
    return this._byId.get(id);
  }

  /** Runs a job after the waiting jobs; at once if there are none. */
  enqueue(job: () => void): void {
    this._jobs.push(job);
    if (this._draining) {
      return;
    }
    this._draining = true;
    try {
      for (let next = this._jobs.shift(); next !== undefined; next = this._jobs.shift()) {
        next();
      }
    } finally {
      this._draining = false;
    }
  }

  tell(telling: ViewUpdate): void {
    const { before, after, edit } = telling.batch;
    const renewed = new Set(telling.renewed);
    let structural = edit.created.size > 0 || edit.deleted.size > 0;
    for (const [id, { moved, retyped }] of edit.edited) {
      if (retyped || (moved && !this._keepsMoved)) {
        renewed.add(id);
      }
      structural ||= moved;
    }
    structural ||= renewed.size > 0;
    this._isForeign = telling.origin === 'remote';
    const inserted = structural ? this.restructure(after, renewed, telling.fresh) : new Set();
    const told = [...edit.edited].filter(([id]) => !inserted.has(id));
    for (const [id, { text }] of told) {
      if (text !== null) {
        const change = { changes: text, origin: telling.origin, undo: telling.undo };
        this._byId.get(id)?.textChanged.emit(change);
      }
    }
    for (const [id, one] of told) {
      const [old, now] = [own(before.cells, id), own(after.cells, id)];
      if (old !== undefined && now !== undefined) {
        this._byId.get(id)?.tell(one, old, now, telling.origin);
      }
    }
    this._tellMetadata(telling.batch);
  }

  /** Brings `cells` to the order of a notebook. Returns the ids that have new wrappers. */
  restructure(
    notebook: NotebookNode,
    renewed: ReadonlySet<string>,
    fresh: ReadonlyMap<string, AnyRoomCell> = new Map()
  ): Set<string> {
    const ids = cellOrder(notebook.cells);
    return this._step(notebook, ids, this._stale(notebook, ids, renewed), fresh);
  }

  /** Gives cells new wrappers in place, for changes that a view cannot follow. */
  renew(notebook: NotebookNode, stale: ReadonlySet<string>): void {
    this._step(notebook, cellOrder(notebook.cells), this._free(stale), new Map());
  }

  /** Holds or releases a cell for an editor; returns whether its postponed wrapper is due now. */
  hold(id: string, editor: object, isHeld: boolean): boolean {
    const editors = this._held.get(id) ?? new Set();
    if (isHeld) {
      this._held.set(id, editors.add(editor));
      return false;
    }
    editors.delete(editor);
    if (editors.size === 0) {
      this._held.delete(id);
    }
    return this._late.has(id) && editors.size === 0;
  }

  /** Gives released cells their postponed wrappers. */
  catchUp(notebook: NotebookNode): void {
    const late = [...this._late].filter(id => !this._held.has(id));
    late.forEach(id => this._late.delete(id));
    this.renew(notebook, new Set(late.filter(id => this._byId.has(id))));
  }

  /** Whether the change that is being announced was made by others. */
  get isForeign(): boolean {
    return this._isForeign;
  }

  /**
   * Repeats the way from the former list to the present one, for a view that moves cells. During
   * the repetition, `cells` is the list after each step. A removed wrapper is disposed before its
   * step, a replaced wrapper after its step.
   */
  *walk(): Generator<CellStage> {
    const told = this._told;
    if (told === null) {
      return;
    }
    const final = [...this.cells];
    const list = [...told.cells];
    try {
      for (const stage of listSteps(told.ids, this._ids, told.stale)) {
        const step = this._apply(stage, list);
        this._show(list);
        yield step;
        if (step.kind === 'replace') {
          step.old.dispose();
        }
      }
    } finally {
      this._show(final);
    }
  }

  dispose(): void {
    this._jobs.length = 0;
    this.cells.forEach(cell => {
      cell.dispose();
    });
  }

  private _step(
    notebook: NotebookNode,
    ids: string[],
    stale: ReadonlySet<string>,
    fresh: ReadonlyMap<string, AnyRoomCell>
  ): Set<string> {
    const steps = reconcile(this._ids, ids, stale);
    const inserted = new Set<string>();
    const delta: Delta<ISharedCell[]> = [];
    const next: AnyRoomCell[] = [];
    let at = 0;
    for (const step of steps) {
      if (step.kind === 'insert') {
        const made = step.ids.map(
          id => this._moved(id, stale) ?? fresh.get(id) ?? this._make(id, notebook)
        );
        next.push(...made);
        delta.push({ insert: made });
        continue;
      }
      const here = this.cells.slice(at, at + step.ids.length);
      at += step.ids.length;
      if (step.kind === 'retain') {
        next.push(...here);
      }
      delta.push(step.kind === 'retain' ? { retain: here.length } : { delete: here.length });
    }
    next.push(...this.cells.slice(at));
    if (steps.length > 0) {
      const former = new Set(this.cells);
      ids.forEach((id, i) => {
        if (!former.has(next[i] as AnyRoomCell)) {
          inserted.add(id);
        }
      });
      this._replace(next, ids, stale, () => {
        this._notebook.changed.emit({ cellsChange: delta });
      });
    }
    return inserted;
  }

  /** Returns the wrapper of a cell that only moved. */
  private _moved(id: string, stale: ReadonlySet<string>): AnyRoomCell | undefined {
    return this._keepsMoved && !stale.has(id) ? this._byId.get(id) : undefined;
  }

  private _replace(
    next: AnyRoomCell[],
    ids: string[],
    stale: ReadonlySet<string>,
    emit: () => void
  ): void {
    const staying = new Set(next);
    const gone = this.cells.filter(cell => !staying.has(cell));
    const told = { cells: [...this.cells], ids: this._ids, stale };
    this._show(next);
    this._ids = ids;
    this._byId = new Map(ids.map((id, i) => [id, next[i] as AnyRoomCell]));
    const dispose = (): void => {
      gone.forEach(cell => {
        cell.dispose();
      });
    };
    if (!this._keepsMoved) {
      dispose();
    }
    this._told = told;
    try {
      emit();
    } finally {
      this._told = null;
      dispose();
    }
  }

  /** Applies one step to a list of wrappers. */
  private _apply(stage: ListStep, list: AnyRoomCell[]): CellStage {
    switch (stage.kind) {
      case 'move':
        list.splice(stage.to, 0, ...list.splice(stage.from, 1));
        return stage;
      case 'insert': {
        const made = stage.ids.map(id => this._byId.get(id) as AnyRoomCell);
        list.splice(stage.at, 0, ...made);
        return { kind: 'insert', at: stage.at, made };
      }
      case 'remove':
        list.splice(stage.at, stage.count).forEach(cell => {
          cell.dispose();
        });
        return stage;
      case 'replace': {
        const made = this._byId.get(this._ids[stage.at] as string) as AnyRoomCell;
        const [old] = list.splice(stage.at, 1, made) as [AnyRoomCell];
        return { kind: 'replace', at: stage.at, made, old };
      }
    }
  }

  /** If the views cannot move a cell, a cell that moved gets a new wrapper. */
  private get _keepsMoved(): boolean {
    return this._notebook.keepsMoved;
  }

  private _show(cells: readonly AnyRoomCell[]): void {
    this.cells.splice(0, this.cells.length, ...cells);
  }

  /**
   * Returns ids that need a new wrapper, because their type changed or they were renewed during a
   * reorder.
   */
  private _stale(
    notebook: NotebookNode,
    ids: readonly string[],
    renewed: ReadonlySet<string>
  ): Set<string> {
    const sameOrder = ids.length === this._ids.length && ids.every((id, i) => id === this._ids[i]);
    const stale = new Set(sameOrder ? [] : renewed);
    for (const id of renewed) {
      const type = this._byId.get(id)?.cell_type;
      if (type !== undefined && type !== typeOf(own(notebook.cells, id))) {
        stale.add(id);
      }
    }
    return this._free(stale);
  }

  /**
   * Returns the cells that may get a new wrapper now; the others get it when their editors are
   * done.
   */
  private _free(stale: ReadonlySet<string>): Set<string> {
    const free = new Set(stale);
    for (const id of this._keepsMoved ? this._held.keys() : []) {
      if (free.delete(id)) {
        this._late.add(id);
      }
    }
    return free;
  }

  private _make(id: string, notebook: NotebookNode): AnyRoomCell {
    return this._makeCell(id, typeOf(own(notebook.cells, id)));
  }

  private _tellMetadata({ before, after, edit }: NotebookBatch): void {
    const events = metadataEvents(edit.metadata, before.metadata, after.metadata);
    if (events !== null) {
      const metadataChange: MapChanges = events.changes;
      events.each.forEach(one => {
        this._notebook.metadataChanged.emit(one);
      });
      this._notebook.changed.emit({ metadataChange });
    }
    if (edit.minor) {
      const [oldValue, newValue] = [minorOf(before), minorOf(after)];
      const nbformatChanged = { key: 'nbformat_minor', oldValue, newValue };
      this._notebook.changed.emit({ nbformatChanged });
    }
  }

  private _ids: string[] = [];
  private _byId = new Map<string, AnyRoomCell>();
  private readonly _jobs: (() => void)[] = [];
  private _draining = false;
  private _told: Restructured | null = null;
  private _isForeign = false;
  private readonly _held = new Map<string, Set<object>>();
  private readonly _late = new Set<string>();
}
