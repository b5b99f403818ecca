/**
 * The runtime document as the cells' views see it: outputs, counts, state and trust.
 *
 * This module never writes that document. JupyterLab's wishes become requests to the server, and
 * views return to the state of the server.
 */
import { Signal } from '@lumino/signaling';
import type { BlobReader } from '../document/blobs';
import { BlobShelf } from '../document/blobs';
import type { RoomDocuments } from '../document/documents';
import type { Placeholder } from '../document/outputs';
import { OutputReader, sameOutputs } from '../document/outputs';
import type { RunNode } from '../document/schema';
import { isLive, own, runIdOf, runOf } from '../document/schema';
import type { RoomCodeCell } from './codeCell';
import type { CellList } from './cellList';
import type { Import, RuntimeRequests } from './outputRequests';
import { OutputRequests } from './outputRequests';
import type { UndoItem } from './undo';

export interface RunOptions {
  blobs?: BlobReader | undefined;
  requests?: RuntimeRequests | undefined;
  placeholder?: Placeholder | undefined;
  /** Called with a cell whose outputs the server trusts from now on. */
  trustGained: (cellId: string) => void;
}

interface Expected {
  outputs: readonly unknown[];
  trusted: boolean;
}

export class CellOutputs {
  constructor(
    private readonly _documents: RoomDocuments,
    private readonly _dispatch: CellList,
    private readonly _options: RunOptions
  ) {
    this._blobs = new BlobShelf(_options.blobs ?? null, sha256 => {
      this._arrived(sha256);
    });
    this._reader = new OutputReader(this._blobs, _options.placeholder ?? plainPlaceholder);
    this.outbox = new OutputRequests(
      _options.requests ?? null,
      ids => {
        this.tell(ids);
      },
      ids => this._meansAll(ids)
    );
  }

  readonly outbox: OutputRequests;
  /** Emits the id of a cell whose views now agree with the runtime document. */
  readonly told = new Signal<this, string>(this);

  run(cellId: string): RunNode | undefined {
    return runOf(this._documents.runtime, cellId);
  }

  runId(cellId: string): string | undefined {
    return runIdOf(this._documents.runtime, cellId);
  }

  /** Returns the visible outputs of a cell; the arrival of a missing blob shows the cell again. */
  show(cellId: string): ReturnType<OutputReader['show']> {
    const waits = new Set<string>();
    const outputs = this._reader.show(this.run(cellId)?.outputs ?? [], waits);
    for (const sha256 of waits) {
      this._waiting.set(sha256, (this._waiting.get(sha256) ?? new Set()).add(cellId));
    }
    return outputs;
  }

  /**
   * Whether the cell is trusted, or has no outputs to distrust. If such a cell gets distrusted
   * outputs, its views are made again before they show the outputs.
   */
  isTrusted(cellId: string): boolean {
    const entry = own(this._documents.runtime.cells, cellId);
    return entry === undefined ? !this._doubted.has(cellId) : entry.trusted === true;
  }

  /** Prepares a cell for outputs of this trust: its views are made for them. */
  expect(cellId: string, { outputs, trusted }: Expected): void {
    if (outputs.length > 0 && !trusted) {
      this._doubted.add(cellId);
    } else {
      this._doubted.delete(cellId);
    }
  }

  /** Whether parts of this cell's outputs have not arrived yet. */
  isWaiting(cellId: string): boolean {
    return [...this._waiting.values()].some(ids => ids.has(cellId));
  }

  /** The number of bytes of this cell's outputs that are hidden until the user shows them. */
  held(cellId: string): number {
    return this._reader.held(this.run(cellId)?.outputs ?? []);
  }

  /** Shows more of a cell's hidden output. */
  showMore(cellId: string): void {
    this._reader.more(this.run(cellId)?.outputs ?? []);
    this.tell([cellId]);
  }

  retryBlobs(): void {
    this._blobs.retry();
  }

  /** Brings the views of these cells to the state of the runtime document. */
  tell(ids: Iterable<string>): void {
    this._dispatch.enqueue(() => {
      this._matchTrust(this._code(ids));
      for (const cell of this._code(ids)) {
        cell.tellRun();
        this.told.emit(cell.id);
      }
    });
  }

  /** Keeps the outputs of cells that were deleted here, until the server knows of the deletion. */
  left(cellIds: Iterable<string>): void {
    for (const id of cellIds) {
      this._left.set(id, this.runId(id));
    }
  }

  /** Records that a cell was inserted with these outputs, or (null) without any. */
  want(cellId: string, wanted: Import | null): void {
    const cameBack = this._left.has(cellId);
    const unlessRun = this._left.get(cellId);
    this._left.delete(cellId);
    const run = this.run(cellId);
    if (isLive(run)) {
      return;
    }
    if (wanted === null) {
      if (run !== undefined && (run.outputs.length > 0 || run.execution_count != null)) {
        this.outbox.clear(cellId);
      }
      return;
    }
    const shown = this.show(cellId);
    if (cameBack || !sameOutputs(shown, wanted.outputs)) {
      this.outbox.importOutputs(cellId, { ...wanted, unlessRun });
    }
  }

  /** Restores the outputs of cells that undo brought back, if the server has forgotten them. */
  restore(item: UndoItem): void {
    for (const [id, { outputs, executionCount, trusted, run }] of item.outputs) {
      const there = own(this._documents.notebook.cells, id) !== undefined;
      if (there && !isLive(this.run(id)) && (outputs.length > 0 || executionCount !== null)) {
        const resolved = this._reader.resolve(outputs);
        this.outbox.importOutputs(
          id,
          resolved.then(found => ({ outputs: found, executionCount, trusted, unlessRun: run }))
        );
      }
    }
  }

  dispose(): void {
    Signal.clearData(this);
    this._blobs.dispose();
    this._waiting.clear();
  }

  /** Makes views again that trust too much, or that do not follow a gain of trust. */
  private _matchTrust(cells: RoomCodeCell[]): void {
    for (const cell of cells) {
      if (cell.undertrusts) {
        this._options.trustGained(cell.id);
      }
    }
    const stale = cells.filter(cell => cell.overtrusts || cell.undertrusts);
    if (stale.length > 0) {
      this._dispatch.renew(this._documents.notebook, new Set(stale.map(cell => cell.id)));
    }
  }

  private _code(ids: Iterable<string>): RoomCodeCell[] {
    const cells = Array.from(ids, id => this._dispatch.cell(id));
    return cells.filter(cell => cell?.cell_type === 'code');
  }

  private _arrived(sha256: string): void {
    const ids = this._waiting.get(sha256) ?? new Set<string>();
    this._waiting.delete(sha256);
    this.tell(ids);
  }

  /**
   * Decides whether a wish for trust means the notebook: JupyterLab trusts cell by cell, even a
   * cell that it empties, so only all cells together mean the notebook.
   */
  private _meansAll(ids: ReadonlySet<string>): boolean {
    const held = this._dispatch.cells
      .map(cell => cell.id)
      .filter(id => !this.isTrusted(id) && (this.run(id)?.outputs.length ?? 0) > 0)
      .filter(id => !this.outbox.clears(id));
    return held.length > 0 && held.every(id => ids.has(id));
  }

  private readonly _blobs: BlobShelf;
  private readonly _reader: OutputReader;
  private readonly _waiting = new Map<string, Set<string>>();
  private readonly _doubted = new Set<string>();
  /** The runs of cells that were deleted here. */
  private readonly _left = new Map<string, string | undefined>();
}

function plainPlaceholder(mime: string, bytes: number, failed: boolean, held: boolean): string {
  const what = `${mime}, ${bytes} bytes`;
  if (held) {
    return what;
  }
  return failed ? `${what}: could not be loaded` : `${what}: loading`;
}
