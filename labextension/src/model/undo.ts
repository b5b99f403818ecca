/**
 * Undo of one's own work, with the interface of `Y.UndoManager` that JupyterLab expects.
 *
 * A stack holds inverses of local changes. Changes of others *rebase* them, as in CodeMirror's
 * history, so only one's own work is undone. A stack knows items; a callback applies an item to the
 * document.
 */
import type { ChangeSet } from '@codemirror/state';
import type { CellNode, OutputNode } from '../document/schema';
import type { EntryPath } from '../document/writes';

/** A changed entry: undone only while it still has the value that this change wrote. */
export interface EntryUndo {
  path: EntryPath;
  was: string | null;
  now: string | null;
}

/** The outputs that a cell had, kept as they are in the runtime document. */
export interface KeptOutputs {
  outputs: readonly OutputNode[];
  executionCount: number | null;
  trusted: boolean;
  /** The run of the cell. The server keeps it for a while. */
  run: string | undefined;
}

export interface UndoItem {
  /** JupyterLab's own entries. */
  meta: Map<unknown, unknown>;
  /** Inverse text edits, relative to the present text. */
  text: Map<string, ChangeSet>;
  /** Created cells (null) or deleted cells (their content). */
  cells: Map<string, CellNode | null>;
  entries: Map<string, EntryUndo>;
  outputs: Map<string, KeptOutputs>;
}

export function emptyItem(): UndoItem {
  return {
    meta: new Map(),
    text: new Map(),
    cells: new Map(),
    entries: new Map(),
    outputs: new Map()
  };
}

export interface UndoHost {
  /** Whether the document may be written now; a stack does not change while it may not. */
  mayApply(): boolean;
  /** Applies an item and returns its inverse; null if there was nothing to do. */
  apply(item: UndoItem, stack: UndoStack): UndoItem | null;
}

export interface UndoClock {
  /** Milliseconds; only differences count. */
  now(): number;
  /** Calls back when the present command has returned. */
  afterCommand(then: () => void): void;
}

export const REAL_CLOCK: UndoClock = {
  now: () => performance.now(),
  afterCommand: then => {
    queueMicrotask(then);
  }
};

type StackEvent = 'stack-item-added' | 'stack-item-popped' | 'stack-item-updated' | 'stack-cleared';
type StackHandler = (event: {
  stackItem: { meta: Map<unknown, unknown> };
  type: 'undo' | 'redo';
}) => void;

const TYPING_MS = 500;
const LONGEST_STACK = 500;

export class UndoStack {
  constructor(
    private readonly _host: UndoHost,
    private readonly _clock: UndoClock = REAL_CLOCK
  ) {}

  readonly undoStack: UndoItem[] = [];
  readonly redoStack: UndoItem[] = [];

  canUndo(): boolean {
    return this.undoStack.length > 0;
  }

  canRedo(): boolean {
    return this.redoStack.length > 0;
  }

  /** Adds the inverse of a local change; it may join the former item. */
  push(item: UndoItem): void {
    this.redoStack.length = 0;
    const last = this.undoStack.at(-1);
    const joined = last !== undefined && this._joins(last, item);
    if (joined) {
      join(last, item);
    } else {
      this.keep(item);
    }
    this._lastPush = this._clock.now();
    this._closed = false;
    this._inCommand = true;
    this._clock.afterCommand(() => {
      this._inCommand = false;
    });
    const type = joined ? 'stack-item-updated' : 'stack-item-added';
    this._emit(type, joined ? last : item, 'undo');
  }

  /** Adds an item that joins no other, and keeps the redo stack. */
  keep(item: UndoItem): void {
    this.undoStack.push(item);
    if (this.undoStack.length > LONGEST_STACK) {
      this.undoStack.shift();
    }
    this._closed = true;
  }

  /** Rebases the inverses over a remote change of a cell's text. */
  rebase(cellId: string, changes: ChangeSet): void {
    rebaseItems(this.undoStack, cellId, changes);
    rebaseItems(this.redoStack, cellId, changes);
  }

  undo(): boolean {
    return this._step(this.undoStack, this.redoStack, 'undo');
  }

  redo(): boolean {
    return this._step(this.redoStack, this.undoStack, 'redo');
  }

  /** The next change begins an item of its own. */
  stopCapturing(): void {
    this._closed = true;
  }

  clear(): void {
    this.undoStack.length = this.redoStack.length = 0;
    this._closed = true;
  }

  on(event: StackEvent, handler: StackHandler): void {
    const handlers = this._handlers.get(event) ?? new Set();
    this._handlers.set(event, handlers.add(handler));
  }

  off(event: StackEvent, handler: StackHandler): void {
    this._handlers.get(event)?.delete(handler);
  }

  private _joins(last: UndoItem, item: UndoItem): boolean {
    if (this._closed) {
      return false;
    }
    if (this._inCommand) {
      return true;
    }
    const typing = isTyping(last) && isTyping(item) && sameKeys(last.text, item.text);
    return typing && this._clock.now() - this._lastPush < TYPING_MS;
  }

  private _step(from: UndoItem[], to: UndoItem[], type: 'undo' | 'redo'): boolean {
    this._closed = true;
    if (!this._host.mayApply()) {
      return false;
    }
    let item = from.pop();
    while (item !== undefined) {
      const inverse = this._host.apply(item, this);
      if (inverse !== null) {
        inverse.meta = item.meta;
        to.push(inverse);
        this._emit('stack-item-popped', item, type);
        return true;
      }
      item = from.pop();
    }
    return false;
  }

  private _emit(event: StackEvent, stackItem: UndoItem, type: 'undo' | 'redo'): void {
    this._handlers.get(event)?.forEach(handler => {
      handler({ stackItem, type });
    });
  }

  private _lastPush = 0;
  private _closed = true;
  private _inCommand = false;
  private readonly _handlers = new Map<StackEvent, Set<StackHandler>>();
}

export function isEmpty(item: UndoItem): boolean {
  return item.text.size === 0 && item.cells.size === 0 && item.entries.size === 0;
}

function isTyping(item: UndoItem): boolean {
  return item.cells.size === 0 && item.entries.size === 0;
}

function sameKeys(a: Map<string, unknown>, b: Map<string, unknown>): boolean {
  return a.size === b.size && [...a.keys()].every(key => b.has(key));
}

/** Makes `last` undo the later `item` too. */
function join(last: UndoItem, item: UndoItem): void {
  for (const [id, inverse] of item.text) {
    // A cell that this item creates or deletes is restored whole.
    if (!last.cells.has(id)) {
      const older = last.text.get(id);
      const follows = older?.length === inverse.newLength;
      last.text.set(id, older !== undefined && follows ? inverse.compose(older) : inverse);
    }
  }
  for (const [id, was] of item.cells) {
    if (!last.cells.has(id)) {
      last.cells.set(id, was);
    }
  }
  for (const [key, entry] of item.entries) {
    const older = last.entries.get(key);
    last.entries.set(key, older === undefined ? entry : { ...entry, was: older.was });
  }
  for (const [id, kept] of item.outputs) {
    if (!last.outputs.has(id)) {
      last.outputs.set(id, kept);
    }
  }
}

function rebaseItems(items: UndoItem[], cellId: string, changes: ChangeSet): void {
  let foreign = changes;
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i];
    const inverse = item?.text.get(cellId);
    if (item === undefined || inverse === undefined) {
      continue;
    }
    if (inverse.length !== foreign.length) {
      // The cell was created again since, so the text of this inverse is gone.
      item.text.delete(cellId);
      continue;
    }
    item.text.set(cellId, inverse.map(foreign));
    foreign = foreign.map(inverse, true);
  }
}
