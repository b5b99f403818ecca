/**
 * The two Automerge documents of a room, as a `Replica` for the protocol and as values for the model.
 *
 * It knows bytes, patches and epochs. It knows no JupyterLab, no undo and no network: it never
 * writes the runtime document, and only `edit` and `rebase` write the notebook.
 */
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { Doc, Patch } from './automerge';
import * as am from './automerge';
import type { NotebookEdit, RuntimeEdit } from './patches';
import { allCells, diffNotebook, groupNotebook, groupRuntime } from './patches';
import { changeInPieces } from './largeEdits';
import { reapply } from './rebase';
import type { DocName, Rebased, Replica } from './replica';
import type { NotebookNode, RuntimeNode } from './schema';
import { NO_NOTEBOOK, NO_RUNTIME } from './schema';
import { readable } from './schemaCheck';

/** Two states of the notebook and the changes between them. */
export interface NotebookBatch {
  before: NotebookNode;
  after: NotebookNode;
  edit: NotebookEdit;
  /** Whether a document was loaded, rather than changed. */
  loaded: boolean;
  /** The authors of remote changes that delete cells. */
  actors: readonly string[];
}

export interface RuntimeBatch {
  before: RuntimeNode;
  after: RuntimeNode;
  edit: RuntimeEdit;
}

const OWN = { loaded: false, actors: [] };

interface Held<T> {
  doc: Doc<T>;
  epoch: string;
}

export class RoomDocuments implements Replica {
  /** The present or last notebook; an empty one while nothing is loaded. */
  get notebook(): NotebookNode {
    return readable(this._notebook?.doc ?? this._left.notebook);
  }

  get runtime(): RuntimeNode {
    return this._runtime?.doc ?? this._left.runtime;
  }

  get localChanged(): ISignal<this, Uint8Array> {
    return this._localChanged;
  }

  /** Changes of the notebook that `edit` did not make. */
  get notebookChanged(): ISignal<this, NotebookBatch> {
    return this._notebookChanged;
  }

  get runtimeChanged(): ISignal<this, RuntimeBatch> {
    return this._runtimeChanged;
  }

  epoch(doc: DocName): string | null {
    return this._held(doc)?.epoch ?? null;
  }

  heads(doc: DocName): string[] {
    const held = this._held(doc);
    return held === null ? [] : [...am.getHeads<unknown>(held.doc)].sort();
  }

  load(doc: DocName, epoch: string, data: Uint8Array, changes: readonly Uint8Array[] = []): void {
    this._refuseInside();
    if (doc === 'notebook') {
      const whole = withChanges(am.load<NotebookNode>(data, this._options()), changes);
      this._replaceNotebook({ doc: whole, epoch });
      return;
    }
    const before = this.runtime;
    const old = this._runtime;
    this._runtime = { doc: withChanges(am.load<RuntimeNode>(data), changes), epoch };
    const after = this.runtime;
    this._runtimeChanged.emit({ before, after, edit: allCells(before, after) });
    release(old);
  }

  apply(doc: DocName, data: Uint8Array): void {
    this._refuseInside();
    const changes = am.splitChunks(data);
    if (doc === 'notebook') {
      this._applyNotebook(changes);
    } else {
      this._applyRuntime(changes);
    }
  }

  changesSince(heads: string[]): Uint8Array[] {
    return this._notebook === null ? [] : am.getChangesSince(this._notebook.doc, heads);
  }

  save(doc: DocName): Uint8Array {
    const held = this._held(doc);
    if (held === null) {
      throw new Error(`the ${doc} document is not loaded yet`);
    }
    return am.save<unknown>(held.doc);
  }

  setActor(actor: Uint8Array): void {
    this._refuseInside();
    this._actor = [...actor].map(byte => byte.toString(16).padStart(2, '0')).join('');
    if (this._notebook !== null && am.getActorId(this._notebook.doc) !== this._actor) {
      const old = this._notebook;
      this._notebook = { doc: am.clone(old.doc, this._options()), epoch: old.epoch };
      release(old);
    }
  }

  has(change: Uint8Array): boolean {
    const held = this._notebook;
    return held !== null && am.hasHeads(held.doc, [am.decodeChange(change).hash]);
  }

  knows(heads: readonly string[]): boolean {
    const held = this._notebook;
    return held !== null && am.hasHeads(held.doc, [...heads]);
  }

  rebase(own: Uint8Array[], epoch: string, fresh: Uint8Array): Rebased {
    this._refuseInside();
    const held = this._notebook;
    const doc = am.load<NotebookNode>(fresh, this._options());
    const result = reapply(doc, held?.doc ?? doc, held === null ? [] : own, held?.epoch === epoch);
    this._replaceNotebook({ doc: result.doc, epoch }, result.made);
    return result.rebased;
  }

  /**
   * Makes one change of the notebook, or several of a large edit. `write` gets the draft of the
   * document.
   *
   * Returns the changes, or null if there are none. An exception in `write` leaves the document
   * unchanged.
   */
  edit(write: (draft: NotebookNode) => void): NotebookBatch | null {
    this._refuseInside();
    const held = this._notebook;
    if (held === null) {
      throw new Error('the notebook is not loaded yet');
    }
    const before = held.doc;
    const patches: Patch[][] = [];
    const made: Uint8Array[] = [];
    this._editing = true;
    try {
      held.doc = changeInPieces(before, write, (change, told) => {
        made.push(change);
        patches.push(told);
      });
    } finally {
      this._editing = false;
    }
    if (held.doc === before) {
      return null;
    }
    made.forEach(change => {
      this._localChanged.emit(change);
    });
    const [was, after] = [readable(before), readable(held.doc)];
    const edit = groupNotebook(patches.flat(), was, after);
    return { before: was, after, edit, ...OWN };
  }

  dispose(): void {
    this._left = { notebook: this.notebook, runtime: this.runtime };
    release(this._notebook);
    release(this._runtime);
    this._notebook = this._runtime = null;
    Signal.clearData(this);
  }

  private _applyNotebook(changes: Uint8Array[]): void {
    const held = this._notebook;
    if (held === null) {
      throw new Error('a change of a notebook that is not loaded');
    }
    const before = this.notebook;
    let patches: Patch[] = [];
    [held.doc] = am.applyChanges(held.doc, changes, { patchCallback: made => (patches = made) });
    if (patches.length > 0) {
      const after = this.notebook;
      const edit = groupNotebook(patches, before, after);
      const actors = edit.deleted.size > 0 ? actorsOf(changes) : [];
      this._notebookChanged.emit({ before, after, edit, loaded: false, actors });
    }
  }

  private _applyRuntime(changes: Uint8Array[]): void {
    const held = this._runtime;
    if (held === null) {
      throw new Error('a change of a runtime document that is not loaded');
    }
    const before = held.doc;
    let patches: Patch[] = [];
    [held.doc] = am.applyChanges(before, changes, { patchCallback: made => (patches = made) });
    if (patches.length > 0) {
      const after = held.doc;
      this._runtimeChanged.emit({ before, after, edit: groupRuntime(patches, before, after) });
    }
  }

  private _replaceNotebook(next: Held<NotebookNode>, changes: readonly Uint8Array[] = []): void {
    const before = this.notebook;
    const old = this._notebook;
    this._notebook = next;
    changes.forEach(change => {
      this._localChanged.emit(change);
    });
    const after = this.notebook;
    const edit = diffNotebook(before, after);
    this._notebookChanged.emit({ before, after, edit, loaded: true, actors: [] });
    release(old);
  }

  private _held(doc: DocName): Held<NotebookNode> | Held<RuntimeNode> | null {
    return doc === 'notebook' ? this._notebook : this._runtime;
  }

  private _options(): { actor?: string } {
    return this._actor === null ? {} : { actor: this._actor };
  }

  private _refuseInside(): void {
    if (this._editing) {
      throw new Error('the documents cannot be changed from inside a change');
    }
  }

  private _notebook: Held<NotebookNode> | null = null;
  private _runtime: Held<RuntimeNode> | null = null;
  private _left = { notebook: NO_NOTEBOOK, runtime: NO_RUNTIME };
  private _actor: string | null = null;
  private _editing = false;
  private readonly _localChanged = new Signal<this, Uint8Array>(this);
  private readonly _notebookChanged = new Signal<this, NotebookBatch>(this);
  private readonly _runtimeChanged = new Signal<this, RuntimeBatch>(this);
}

function withChanges<T>(doc: Doc<T>, changes: readonly Uint8Array[]): Doc<T> {
  const chunks = changes.flatMap(change => am.splitChunks(change));
  return chunks.length === 0 ? doc : am.applyChanges(doc, chunks)[0];
}

function actorsOf(changes: readonly Uint8Array[]): string[] {
  return [...new Set(changes.map(change => am.decodeChange(change).actor))];
}

function release(held: Held<NotebookNode> | Held<RuntimeNode> | null): void {
  if (held !== null) {
    am.free<unknown>(held.doc);
  }
}
