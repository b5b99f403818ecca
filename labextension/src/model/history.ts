/**
 * The undo stacks of one notebook: one per cell, kept by id so that they survive moves, and one for
 * the notebook. Turns batches of changes into items, and items into changes.
 */
import type { ChangeSet } from '@codemirror/state';
import type { NotebookBatch } from '../document/documents';
import { read } from '../document/automerge';
import type { RuntimeNode } from '../document/schema';
import { own, runIdOf, runOf } from '../document/schema';
import { coarseDiff, toText } from '../document/text';
import type { EntryPath } from '../document/writes';
import { changeText, getEntry, setEntry } from '../document/writes';
import type { Draft } from './draft';
import type { EntryUndo, KeptOutputs, UndoClock, UndoHost, UndoItem } from './undo';
import { emptyItem, isEmpty, UndoStack } from './undo';

export class History {
  constructor(
    private readonly _host: UndoHost,
    private readonly _clock: UndoClock
  ) {
    this.notebook = new UndoStack(_host, _clock);
  }

  readonly notebook: UndoStack;

  cell(id: string): UndoStack {
    let stack = this._cells.get(id);
    if (stack === undefined) {
      stack = new UndoStack(this._host, this._clock);
      this._cells.set(id, stack);
    }
    return stack;
  }

  clear(): void {
    this.notebook.clear();
    this._cells.clear();
    this._lastTexts.clear();
  }

  /** Rebases every stack except `except` over the text edits of a batch. */
  rebase(batch: NotebookBatch, except: UndoStack | null): void {
    for (const [id, { text }] of batch.edit.edited) {
      if (text !== null) {
        this._rebaseCell(id, text, except);
      }
    }
    for (const id of batch.edit.deleted) {
      this._lastTexts.set(id, own(batch.before.cells, id)?.source ?? '');
    }
    for (const id of batch.edit.created) {
      // A restored cell may have another text than before its deletion.
      const last = this._lastTexts.get(id);
      if (last !== undefined) {
        this._lastTexts.delete(id);
        this._rebaseCell(id, coarseDiff(last, own(batch.after.cells, id)?.source ?? ''), null);
      }
    }
  }

  /**
   * Emits cells that others deleted although they held own typing; the notebook's undo restores
   * them with it.
   */
  rescue(batch: NotebookBatch, runtime: RuntimeNode): string[] {
    const lost = [...batch.edit.deleted].filter(id => this._typedIn(id));
    for (const id of lost) {
      this.notebook.keep(deletedIn(batch, id, runtime));
    }
    return lost;
  }

  private _rebaseCell(id: string, changes: ChangeSet, except: UndoStack | null): void {
    for (const stack of changes.empty ? [] : [this.notebook, this._cells.get(id)]) {
      if (stack !== except) {
        stack?.rebase(id, changes);
      }
    }
  }

  private _typedIn(id: string): boolean {
    const typed = (stack: UndoStack | undefined): boolean =>
      stack?.undoStack.some(item => item.text.has(id)) ?? false;
    return typed(this._cells.get(id)) || typed(this.notebook);
  }

  private readonly _cells = new Map<string, UndoStack>();
  private readonly _lastTexts = new Map<string, string>();
}

/** Returns an item that restores a cell deleted by a batch. */
export function deletedIn(batch: NotebookBatch, id: string, runtime: RuntimeNode): UndoItem {
  const item = emptyItem();
  noteDeleted(item, id, batch, runtime);
  return item;
}

/** Returns the inverse of a local batch; null if there is nothing to undo. */
export function inverseOf(
  batch: NotebookBatch,
  runtime: RuntimeNode,
  cleared: Iterable<string>
): UndoItem | null {
  const item = emptyItem();
  for (const id of batch.edit.created) {
    item.cells.set(id, null);
  }
  for (const id of batch.edit.deleted) {
    noteDeleted(item, id, batch, runtime);
  }
  for (const [id, edit] of batch.edit.edited) {
    const before = own(batch.before.cells, id);
    if (edit.text !== null && before !== undefined) {
      item.text.set(id, edit.text.invert(toText(before.source)));
    }
    const paths: EntryPath[] = [
      ...Array.from(edit.metadata, (key): EntryPath => ['cells', id, 'metadata', key]),
      ...Array.from(edit.attachments, (key): EntryPath => ['cells', id, 'attachments', key])
    ];
    if (edit.moved) {
      paths.push(['cells', id, 'position']);
    }
    if (edit.retyped) {
      paths.push(['cells', id, 'cell_type']);
    }
    paths.forEach(path => {
      noteEntry(item, path, batch);
    });
  }
  for (const id of cleared) {
    noteOutputs(item, id, runtime);
  }
  return isEmpty(item) ? null : item;
}

/**
 * Writes the content of an item. Returns the ids of the cells that were restored, or whose outputs
 * were.
 */
export function applyItem(item: UndoItem, tx: Draft): void {
  for (const [id, was] of item.cells) {
    if (was === null) {
      tx.take(id);
    } else {
      tx.restore(id, was);
    }
  }
  for (const [id, inverse] of item.text) {
    if (own(tx.draft.cells, id)?.source.length === inverse.length) {
      changeText(tx.draft, id, inverse);
    }
  }
  for (const entry of item.entries.values()) {
    undoEntry(entry, tx);
  }
}

function undoEntry(entry: EntryUndo, tx: Draft): void {
  if (getEntry(tx.draft, entry.path) === entry.now) {
    setEntry(tx.draft, entry.path, entry.was);
  }
}

function noteDeleted(item: UndoItem, id: string, batch: NotebookBatch, runtime: RuntimeNode): void {
  const was = own(batch.before.cells, id);
  if (was !== undefined) {
    item.cells.set(id, was);
    noteOutputs(item, id, runtime);
  }
}

function noteEntry(item: UndoItem, path: EntryPath, batch: NotebookBatch): void {
  const was = getEntry(batch.before, path);
  const now = getEntry(batch.after, path);
  if (was !== now) {
    item.entries.set(path.join('\0'), { path, was, now });
  }
}

function noteOutputs(item: UndoItem, id: string, runtime: RuntimeNode): void {
  const kept = keptOutputs(runtime, id);
  if (kept !== null) {
    item.outputs.set(id, kept);
  }
}

function keptOutputs(runtime: RuntimeNode, id: string): KeptOutputs | null {
  const run = runOf(runtime, id);
  if (run === undefined || read(run.state) === 'queued') {
    return null;
  }
  return {
    outputs: run.outputs,
    executionCount: run.execution_count ?? null,
    trusted: own(runtime.cells, id)?.trusted === true,
    run: runIdOf(runtime, id)
  };
}
