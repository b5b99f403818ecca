/**
 * A room's notebook as JupyterLab's shared model, directly on the Automerge documents, without a
 * Yjs copy.
 *
 * This file is the surface; the inside is `transactions.ts`. The notebook is made before the
 * WebAssembly arrives, as an empty notebook that refuses edits; `documents` is filled later. It
 * writes the notebook document only: wishes about outputs become requests.
 */
import type {
  IAwareness,
  IMapChange,
  ISharedNotebook,
  NotebookChange,
  SharedCell
} from '@jupyter/ydoc';
import type * as nbformat from '@jupyterlab/nbformat';
import type { JSONObject, JSONValue, PartialJSONValue } from '@lumino/coreutils';
import { JSONExt } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';
import type { BlobReader } from '../document/blobs';
import type { RoomDocuments } from '../document/documents';
import type { Placeholder } from '../document/outputs';
import { minorOf, readJsonMap } from '../document/schema';
import { LocalAwareness } from './awareness';
import type { Context } from './host';
import type { DeletedCell, Refusal } from './transactions';
import { Transactions } from './transactions';
import type { AnyRoomCell } from './makeCell';
import type { Plan } from './metadata';
import { isEmptyStandIn, parseEntry, planNotebook, sameJson, without } from './metadata';
import type { RuntimeRequests } from './outputRequests';
import type { Draft } from './draft';
import type { UndoClock, UndoStack } from './undo';

export interface RoomNotebookOptions {
  disableDocumentWideUndoRedo?: boolean;
  blobs?: BlobReader;
  requests?: RuntimeRequests;
  placeholder?: Placeholder;
  clock?: UndoClock;
  /** Whether the views can move a cell (`teachMoves`), so that a cell that moved keeps its wrapper. */
  keepsMoved?: boolean;
}

export class RoomNotebook implements ISharedNotebook {
  constructor(options: RoomNotebookOptions = {}) {
    this.disableDocumentWideUndoRedo = options.disableDocumentWideUndoRedo ?? false;
    this.keepsMoved = options.keepsMoved ?? false;
    this.core = new Transactions(this, options);
  }

  readonly version = '2.0.0';
  readonly isRoomNotebook = true;
  readonly disableDocumentWideUndoRedo: boolean;
  /** Whether a cell that moved keeps its wrapper. */
  readonly keepsMoved: boolean;
  readonly core: Transactions;
  readonly awareness = new LocalAwareness() as unknown as IAwareness;
  readonly changed = new Signal<this, NotebookChange>(this);
  readonly metadataChanged = new Signal<this, IMapChange>(this);
  readonly disposed = new Signal<this, void>(this);
  /** Emits a refused edit; no part of the edit was applied. */
  readonly refused = new Signal<this, Refusal>(this);
  readonly readOnlyChanged = new Signal<this, boolean>(this);
  /**
   * Emits the id of a cell whose outputs the server trusts from now on. A listener sets `trusted`
   * of the cell's model; without a listener, the cell's views are made again.
   */
  readonly trustGained = new Signal<this, string>(this);
  /**
   * Emits a cell whose many outputs must disappear. A listener empties the outputs of the cell's
   * model at once and confirms it; without a listener, outputs are removed one by one, and
   * JupyterLab measures the page for each.
   */
  readonly emptying = new Signal<this, { cell: string; done: boolean }>(this);
  /**
   * Emits the id of a cell that others deleted although it held own typing; undo restores the cell.
   */
  readonly cellLost = new Signal<this, string>(this);

  get cells(): AnyRoomCell[] {
    return this.core.dispatch.cells;
  }

  /** The documents, for the protocol. */
  get documents(): RoomDocuments {
    return this.core.documents;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Makes the notebook read-only: edits come back as `refused`. */
  get readOnly(): boolean {
    return this._readOnly;
  }
  set readOnly(value: boolean) {
    if (value !== this._readOnly) {
      this._readOnly = value;
      this.dirty &&= !value;
      this.readOnlyChanged.emit(value);
    }
  }

  /** Loads the notebook: outputs first, so that cells are made with them. */
  attach(state: Record<'notebook' | 'runtime', { epoch: string; data: Uint8Array }>): void {
    this.documents.load('runtime', state.runtime.epoch, state.runtime.data);
    this.documents.load('notebook', state.notebook.epoch, state.notebook.data);
  }

  // ------------------------------------------------------------ state of this client

  get state(): JSONObject {
    return JSONExt.deepCopy(this._state);
  }

  getState(key: string): JSONValue | undefined {
    const value = this._state[key];
    return value === undefined ? value : JSONExt.deepCopy(value);
  }

  setState(key: string, value: JSONValue): void {
    const oldValue = this._state[key];
    if (!sameJson(oldValue, value)) {
      this._state[key] = value;
      this.core.afterEvents(() => {
        this.changed.emit({ stateChange: [{ name: key, oldValue, newValue: value }] });
      });
    }
  }

  get dirty(): boolean {
    return this._state['dirty'] === true;
  }
  /** A reader cannot save the edits of others. */
  set dirty(value: boolean) {
    this.setState('dirty', value && !this._readOnly);
  }

  // ------------------------------------------------------------ undo

  get undoManager(): UndoStack {
    return this.core.history.notebook;
  }

  undoStackOf(cellId: string): UndoStack {
    return this.disableDocumentWideUndoRedo
      ? this.core.history.cell(cellId)
      : this.core.history.notebook;
  }

  canUndo(): boolean {
    return this.undoManager.canUndo();
  }

  canRedo(): boolean {
    return this.undoManager.canRedo();
  }

  clearUndoHistory(): void {
    this.core.history.clear();
  }

  undo(): boolean {
    return this.undoManager.undo();
  }

  redo(): boolean {
    return this.undoManager.redo();
  }

  // ------------------------------------------------------------ transactions

  transact(f: () => void, undoable = true, origin: unknown = null): void {
    this.core.run(f, { stack: undoable ? this.undoManager : null, origin: origin ?? this });
  }

  // ------------------------------------------------------------ cells

  getCell(index: number): AnyRoomCell {
    return this.cells[index] as AnyRoomCell;
  }

  addCell(cell: SharedCell.Cell): AnyRoomCell {
    return this.insertCell(Infinity, cell);
  }

  insertCell(index: number, cell: SharedCell.Cell): AnyRoomCell {
    return this.insertCells(index, [cell])[0] as AnyRoomCell;
  }

  insertCells(index: number, cells: SharedCell.Cell[]): AnyRoomCell[] {
    return this.core.insert(index, cells, this._context);
  }

  moveCell(from: number, to: number): void {
    this.moveCells(from, to);
  }

  moveCells(from: number, to: number, n = 1): void {
    this._structure(tx => {
      tx.move(from, to, n);
    });
  }

  deleteCell(index: number): void {
    this.deleteCellRange(index, index + 1);
  }

  deleteCellRange(from: number, to: number): void {
    this._structure(tx => {
      tx.remove(from, to);
    });
  }

  // ------------------------------------------------------------ metadata

  get nbformat(): number {
    return 4;
  }
  set nbformat(value: number) {
    mustBe('nbformat', this.nbformat, value);
  }

  get nbformat_minor(): number {
    return minorOf(this.documents.notebook);
  }
  set nbformat_minor(value: number) {
    mustBe('nbformat_minor', this.nbformat_minor, value);
  }

  get metadata(): nbformat.INotebookMetadata {
    return this.getMetadata();
  }
  set metadata(value: nbformat.INotebookMetadata) {
    this.setMetadata(value);
  }

  getMetadata(): nbformat.INotebookMetadata;
  getMetadata(key: string): PartialJSONValue | undefined;
  getMetadata(key?: string): nbformat.INotebookMetadata | PartialJSONValue | undefined {
    const map = this.core.live.metadata;
    return key === undefined
      ? (readJsonMap(map) as nbformat.INotebookMetadata)
      : parseEntry(map, key);
  }

  setMetadata(metadata: nbformat.INotebookMetadata): void;
  setMetadata(metadata: string, value: PartialJSONValue): void;
  setMetadata(metadata: nbformat.INotebookMetadata | string, value?: PartialJSONValue): void {
    if (typeof metadata !== 'string') {
      this._plan(planNotebook(this.getMetadata(), { ...metadata }));
    } else if (value === undefined) {
      throw new TypeError(`'${metadata}' cannot be set to undefined; delete it instead`);
    } else if (!sameJson(this.getMetadata(metadata) ?? null, value)) {
      this.updateMetadata({ [metadata]: value });
    }
  }

  updateMetadata(value: Partial<nbformat.INotebookMetadata>): void {
    const current = this.getMetadata();
    const entries = Object.entries(value).filter(
      ([key, entry]) =>
        entry !== undefined &&
        !sameJson(current[key], entry) &&
        !(current[key] === undefined && isEmptyStandIn(key, entry))
    );
    this._plan(new Map(entries));
  }

  deleteMetadata(key: string): void {
    if (this.getMetadata(key) !== undefined) {
      this._plan(new Map([[key, undefined]]));
    }
  }

  // ------------------------------------------------------------ the whole

  get source(): JSONValue {
    return this.getSource();
  }
  set source(value: JSONValue) {
    this.setSource(value);
  }

  getSource(): JSONValue {
    return this.toJSON() as unknown as JSONValue;
  }

  setSource(value: JSONValue): void {
    this.fromJSON(value as unknown as nbformat.INotebookContent);
    this.dirty = false;
  }

  fromJSON(value: nbformat.INotebookContent): void {
    const metadata = without(value.metadata, 'orig_nbformat') as nbformat.INotebookMetadata;
    const named = value.nbformat === 4 && value.nbformat_minor >= 5;
    const cells = value.cells.map(cell => {
      const { id, ...rest } = cell as SharedCell.Cell;
      return named && typeof id === 'string' ? { ...rest, id } : rest;
    });
    this.transact(() => {
      this.setMetadata(metadata);
      this._structure(tx => {
        tx.remove(0, tx.order.length);
      });
      this.insertCells(0, cells);
    });
  }

  /**
   * Works on a closed notebook too, because JupyterLab saves once more when "Save As" replaces a
   * file.
   */
  toJSON(): nbformat.INotebookContent {
    const named = this.nbformat_minor >= 5;
    const cells = this.cells.map(cell => {
      const { id, ...rest } = cell.toJSON();
      return named ? { id, ...rest } : rest;
    });
    return {
      metadata: this.getMetadata(),
      nbformat_minor: this.nbformat_minor,
      nbformat: this.nbformat,
      cells: cells
    };
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.core.dispose();
    this.awareness.destroy();
    this.disposed.emit();
    Signal.clearData(this);
  }

  // ------------------------------------------------------------ outputs

  /** Whether the server trusts this cell's outputs, or the cell shows none. */
  isTrusted(cellId: string): boolean {
    return this.core.runs.isTrusted(cellId);
  }

  /**
   * Keeps a cell that others delete in the announced change, so that it can be restored with a
   * given text. Null for any other cell.
   */
  keepDeleted(cellId: string): DeletedCell | null {
    return this.core.keepDeleted(cellId);
  }

  /** Fetches failed outputs again. */
  retryBlobs(): void {
    this.core.runs.retryBlobs();
  }

  private get _context(): Context {
    return { stack: this.undoManager, origin: this };
  }

  private _structure(f: (tx: Draft) => void): void {
    this.core.write(f, this._context);
  }

  private _plan(plan: Plan): void {
    if (plan.size > 0) {
      const write = (tx: Draft): void => {
        tx.applyPlan(key => ['metadata', key], plan);
      };
      this.core.write(write, { stack: null, origin: this });
    }
  }

  private readonly _state: Record<string, JSONValue> = { dirty: false };
  private _readOnly = false;
  private _isDisposed = false;
}

/** The server alone decides the format, because it writes the file. */
function mustBe(name: string, now: number, value: number): void {
  if (value !== now) {
    throw new Error(
      `${name} stays ${now}, as in the notebook's file; save the file as ${value} first`
    );
  }
}
