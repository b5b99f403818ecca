/**
 * From batches of changes to JupyterLab's events, in one order: the list of cells, the editors, each
 * cell, the notebook's metadata.
 *
 * Batches pass through a queue, so a handler that edits cannot reorder events. Nothing is emitted
 * between a change of `cells` and the event that tells of it.
 */
import type { Delta, ISharedCell, MapChanges } from '@jupyter/ydoc';
import type { NotebookBatch } from '../document/documents';
import type { NotebookNode } from '../document/schema';
import { cellOrder, minorOf, own, typeOf } from '../document/schema';
import type { RoomCell } from './cell';
import { RoomCodeCell } from './codecell';
import { metadataEvents } from './metadata';
import type { RoomNotebook } from './notebook';
import { reconcile } from './reconcile';
import { RoomMarkdownCell, RoomRawCell } from './textcell';

export type AnyRoomCell = RoomCodeCell | RoomMarkdownCell | RoomRawCell;

export interface Telling {
  batch: NotebookBatch;
  /** Cells that need a new wrapper. */
  renewed: ReadonlySet<string>;
  /** Wrappers that were handed out already, by the call that made the cells. */
  fresh: ReadonlyMap<string, AnyRoomCell>;
  origin: unknown;
  undo: boolean;
}

export class Dispatcher {
  constructor(private readonly _notebook: RoomNotebook) {}

  readonly cells: AnyRoomCell[] = [];

  cell(id: string): AnyRoomCell | undefined {
    return this._byId.get(id);
  }

  /** Runs a job after those that wait; at once when none does. */
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

  tell(telling: Telling): void {
    const { before, after, edit } = telling.batch;
    const renewed = new Set(telling.renewed);
    for (const [id, { moved, retyped }] of edit.edited) {
      if (moved || retyped) {
        renewed.add(id);
      }
    }
    const structural = edit.created.size > 0 || edit.deleted.size > 0 || renewed.size > 0;
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

  /** Gives cells new wrappers where they stand: for what a view cannot be told. */
  renew(notebook: NotebookNode, stale: ReadonlySet<string>): void {
    this._step(notebook, cellOrder(notebook.cells), stale, new Map());
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
    const gone: AnyRoomCell[] = [];
    let at = 0;
    for (const step of steps) {
      if (step.kind === 'insert') {
        const made = step.ids.map(id => fresh.get(id) ?? this._make(id, notebook));
        step.ids.forEach(id => inserted.add(id));
        next.push(...made);
        delta.push({ insert: made });
        continue;
      }
      const here = this.cells.slice(at, at + step.ids.length);
      at += step.ids.length;
      (step.kind === 'retain' ? next : gone).push(...here);
      delta.push(step.kind === 'retain' ? { retain: here.length } : { delete: here.length });
    }
    next.push(...this.cells.slice(at));
    if (steps.length > 0) {
      this._replace(next, ids, gone);
      this._notebook.changed.emit({ cellsChange: delta });
    }
    return inserted;
  }

  private _replace(next: AnyRoomCell[], ids: string[], gone: AnyRoomCell[]): void {
    this.cells.splice(0, this.cells.length, ...next);
    this._ids = ids;
    this._byId = new Map(ids.map((id, i) => [id, next[i] as AnyRoomCell]));
    gone.forEach(cell => {
      cell.dispose();
    });
  }

  /** Ids whose wrapper cannot stay: of another type, or to be renewed while the order changes. */
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
    return stale;
  }

  private _make(id: string, notebook: NotebookNode): AnyRoomCell {
    return makeCell(this._notebook, id, typeOf(own(notebook.cells, id)));
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
}

export function makeCell(
  notebook: RoomNotebook,
  id: string,
  type: RoomCell['cell_type']
): AnyRoomCell {
  switch (type) {
    case 'code':
      return new RoomCodeCell(notebook, id);
    case 'markdown':
      return new RoomMarkdownCell(notebook, id);
    case 'raw':
      return new RoomRawCell(notebook, id);
  }
}
