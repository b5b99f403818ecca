/**
 * One cell as a JupyterLab shared model. It holds no content of its own; it reads the room's
 * documents and writes through the notebook's transactions.
 */
import type { CellChange, IAwareness, IMapChange } from '@jupyter/ydoc';
import type * as nbformat from '@jupyterlab/nbformat';
import type { ChangeSet, Text } from '@codemirror/state';
import type { PartialJSONValue } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { CellEdit } from '../document/patches';
import type { CellNode } from '../document/schema';
import { readJsonMap, TRUSTED } from '../document/schema';
import {
  adopted,
  coarseDiff,
  fromText,
  normalizeLines,
  replacement,
  toDelta
} from '../document/text';
import { changeText, setText } from '../document/writes';
import type { EditorSource, TextChange } from '../editor/source';
import type { Plan } from './metadata';
import { metadataEvents, parseEntry, planAll, planKey, planRemoval, sameJson } from './metadata';
import type { CellHost } from './host';
import type { Draft } from './draft';
import type { UndoStack } from './undo';

/** The origin of writes for which JupyterLab wants no event. */
export const SILENT = 'silent-change';

type Metadata = Partial<nbformat.IBaseCellMetadata>;

export abstract class RoomCell implements EditorSource {
  constructor(
    readonly notebook: CellHost,
    protected readonly _id: string
  ) {}

  abstract readonly cell_type: 'code' | 'markdown' | 'raw';
  readonly isRoomCell = true;
  readonly changed = new Signal<this, CellChange>(this);
  readonly metadataChanged = new Signal<this, IMapChange>(this);
  readonly disposed = new Signal<this, void>(this);
  /** Emits every change for editors, silent changes included. */
  readonly textChanged = new Signal<this, TextChange>(this);

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get id(): string {
    return this.getId();
  }

  /** Undefined once disposed, as JupyterLab's list of cells relies on. */
  getId(): string {
    return this._isDisposed ? (undefined as unknown as string) : this._id;
  }

  /** The id, also of a disposed cell. */
  get cellId(): string {
    return this._id;
  }

  /** Always true, because JupyterLab's models read it as "belongs to a notebook". */
  get isStandalone(): boolean {
    return true;
  }

  get awareness(): IAwareness {
    return this.notebook.awareness;
  }

  get readOnly(): boolean {
    return this.notebook.readOnly;
  }

  get readOnlyChanged(): ISignal<unknown, boolean> {
    return this.notebook.readOnlyChanged;
  }

  get dirty(): boolean {
    return this.notebook.dirty;
  }
  set dirty(value: boolean) {
    this.notebook.dirty = value;
  }

  get undoManager(): UndoStack {
    return this.notebook.undoStackOf(this._id);
  }

  canUndo(): boolean {
    return this.undoManager.canUndo();
  }

  canRedo(): boolean {
    return this.undoManager.canRedo();
  }

  clearUndoHistory(): void {
    this.undoManager.clear();
  }

  undo(): boolean {
    return this.undoManager.undo();
  }

  redo(): boolean {
    return this.undoManager.redo();
  }

  transact(f: () => void, undoable = true, origin: unknown = null): void {
    const stack = undoable ? this.undoManager : null;
    this.notebook.core.run(f, { stack, origin: origin ?? this });
  }

  get source(): string {
    return this.getSource();
  }
  set source(value: string) {
    this.setSource(value);
  }

  getSource(): string {
    return this.node?.source ?? '';
  }

  setSource(value: string): void {
    this.write(tx => {
      setText(tx.draft, this._id, adopted(this.getSource(), value));
    }, true);
  }

  updateSource(start: number, end: number, value = ''): void {
    this.write(tx => {
      const length = this.getSource().length;
      const from = Math.max(0, Math.min(start, length));
      const to = Math.max(from, Math.min(end, length));
      changeText(tx.draft, this._id, replacement(length, from, to, normalizeLines(value)));
    }, true);
  }

  applyEditorChange(changes: ChangeSet, base: Text, origin: unknown): boolean {
    const write = (tx: Draft): void => {
      const source = this.getSource();
      const current = source.length === base.length && source === fromText(base);
      const mine = current ? changes : changes.map(coarseDiff(fromText(base), source));
      changeText(tx.draft, this._id, mine);
    };
    return this.node !== undefined && this.write(write, true, origin);
  }

  compose(editor: object, isComposing: boolean): void {
    this.notebook.core.hold(this._id, editor, isComposing);
  }

  get metadata(): Metadata {
    return this.getMetadata();
  }
  set metadata(value: Metadata) {
    this.setMetadata(value);
  }

  getMetadata(): Metadata;
  getMetadata(key: string): PartialJSONValue | undefined;
  getMetadata(key?: string): Metadata | PartialJSONValue | undefined {
    const map = this.node?.metadata ?? {};
    return key === undefined ? (readJsonMap(map) as Metadata) : parseEntry(map, key);
  }

  setMetadata(metadata: Metadata): void;
  setMetadata(metadata: string, value: PartialJSONValue): void;
  setMetadata(metadata: Metadata | string, value?: PartialJSONValue): void {
    if (typeof metadata !== 'string') {
      this.noteTrust((metadata as Record<string, unknown>)[TRUSTED]);
      this._plan(() => planAll({ ...metadata }));
      return;
    }
    if (value === undefined) {
      throw new TypeError(`'${metadata}' cannot be set to undefined; delete it instead`);
    }
    if (metadata === TRUSTED) {
      this.noteTrust(value);
    } else if (!sameJson(this.getMetadata(metadata) ?? null, value)) {
      this._plan(current => planKey(current, metadata, value));
    }
  }

  deleteMetadata(key: string): void {
    if (this.getMetadata(key) !== undefined) {
      this._plan(current => planRemoval(current, key));
    }
  }

  toJSON(): nbformat.IBaseCell & { id: string } {
    return {
      id: this._id,
      cell_type: this.cell_type,
      source: this.getSource(),
      metadata: this.getMetadata()
    };
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this.disposed.emit();
    Signal.clearData(this);
  }

  /** Emits the effect of an edit on this cell after the editors have applied it. */
  tell(edit: CellEdit, before: CellNode, after: CellNode, origin: unknown): void {
    const change: CellChange = {};
    if (edit.text !== null) {
      change.sourceChange = toDelta(edit.text);
    }
    const metadata = metadataEvents(edit.metadata, before.metadata, after.metadata);
    if (metadata !== null) {
      change.metadataChange = metadata.changes;
      metadata.each.forEach(one => {
        this.metadataChanged.emit(one);
      });
    }
    this.describe(edit, before, after, change);
    if (origin !== SILENT && Object.keys(change).length > 0) {
      this.changed.emit(change);
    }
  }

  /** Adds the changes of a kind of cell besides text and metadata. */
  protected abstract describe(
    edit: CellEdit,
    before: CellNode,
    after: CellNode,
    change: CellChange
  ): void;

  /** JupyterLab marks a cell as trusted through its metadata. */
  protected abstract noteTrust(trusted: unknown): void;

  protected get node(): CellNode | undefined {
    return this.notebook.core.cellNode(this._id);
  }

  protected write(f: (tx: Draft) => void, undoable: boolean, origin?: unknown): boolean {
    const stack = undoable ? this.undoManager : null;
    const present = (tx: Draft): void => {
      if (this.node !== undefined) {
        f(tx);
      }
    };
    return this.notebook.core.write(present, { stack, origin: origin ?? this });
  }

  private _plan(plan: (current: Record<string, unknown>) => Plan): void {
    this.write(tx => {
      const current = readJsonMap(this.node?.metadata);
      tx.applyPlan(key => ['cells', this._id, 'metadata', key], plan(current));
    }, false);
  }

  private _isDisposed = false;
}
