/**
 * The parts of a notebook that its cells and its list of cells use.
 *
 * Cells and the list depend on these interfaces and not on the notebook, because the notebook
 * depends on them.
 */
import type { IMapChange, ISharedNotebook, NotebookChange } from '@jupyter/ydoc';
import type { IOutput } from '@jupyterlab/nbformat';
import type { ISignal } from '@lumino/signaling';
import type { CellNode, RunNode } from '../document/schema';
import type { Draft } from './draft';
import type { OutputRequests } from './outputRequests';
import type { UndoStack } from './undo';

/** The stack on which a change can be undone (or none), and the author. */
export interface Context {
  stack: UndoStack | null;
  origin: unknown;
}

export interface Emitter<T> {
  emit(args: T): void;
}

/** A notebook as its cells see it. */
export interface CellHost extends ISharedNotebook {
  readonly core: CellWrites;
  readonly readOnly: boolean;
  readonly readOnlyChanged: ISignal<unknown, boolean>;
  readonly emptying: Emitter<{ cell: string; done: boolean }>;
  undoStackOf(cellId: string): UndoStack;
  isTrusted(cellId: string): boolean;
}

export interface CellWrites {
  readonly runs: CellRuns;
  cellNode(cellId: string): CellNode | undefined;
  run(f: () => void, context: Context): void;
  write(f: (tx: Draft) => void, context: Context): boolean;
  hold(cellId: string, editor: object, isHeld: boolean): void;
}

/** The runtime document as a code cell sees it. */
export interface CellRuns {
  readonly outbox: OutputRequests;
  run(cellId: string): RunNode | undefined;
  runId(cellId: string): string | undefined;
  show(cellId: string): IOutput[];
  isWaiting(cellId: string): boolean;
  held(cellId: string): number;
  tell(cellIds: Iterable<string>): void;
}

/** A notebook as its list of cells sees it. */
export interface ListHost {
  readonly changed: Emitter<NotebookChange>;
  readonly metadataChanged: Emitter<IMapChange>;
  readonly keepsMoved: boolean;
}
