/**
 * Code cells: the state of their outputs in the runtime document, and JupyterLab's requests about
 * it.
 *
 * `_shown` is the last state of the views, with their own changes (JupyterLab empties its output
 * area before it asks). Each update goes from there to the true state, so an accepted and a refused
 * request both end in the server's state.
 */
import type { CellChange, IExecutionState, ISharedCodeCell } from '@jupyter/ydoc';
import type * as nbformat from '@jupyterlab/nbformat';
import type { PartialJSONValue } from '@lumino/coreutils';
import { changeOutputs, sameOutputs } from '../document/outputs';
import type { RunNode } from '../document/schema';
import { isLive, TRUSTED } from '../document/schema';
import { RoomCell, SILENT } from './cell';
import type { CellHost } from './host';

/** This number of outputs is removed at once. */
const MANY = 20;

interface Truth {
  /** The run's id; undefined without one. */
  run: string | undefined;
  outputs: nbformat.IOutput[];
  count: number | null;
  state: IExecutionState;
}

export class RoomCodeCell extends RoomCell implements ISharedCodeCell {
  constructor(notebook: CellHost, id: string) {
    super(notebook, id);
    this._told = this._truth();
    this._shown = this._told.outputs;
    this._viewTrusts = notebook.isTrusted(id);
  }

  readonly cell_type = 'code';

  get execution_count(): nbformat.ExecutionCount {
    return countOf(this._run);
  }
  set execution_count(count: nbformat.ExecutionCount) {
    if (count !== this.execution_count && !this.notebook.core.runs.outbox.clears(this._id)) {
      this._told = { ...this._told, count };
      this._correct();
    }
  }

  setExecutionCount(count: nbformat.ExecutionCount): void {
    this.execution_count = count;
  }

  get executionState(): IExecutionState {
    return stateOf(this._run);
  }
  set executionState(_state: IExecutionState) {
    // The runtime document alone knows the running cells.
  }

  get outputs(): nbformat.IOutput[] {
    return this.getOutputs();
  }
  set outputs(outputs: nbformat.IOutput[]) {
    this.setOutputs(outputs);
  }

  getOutputs(): nbformat.IOutput[] {
    return structuredClone(this._truth().outputs);
  }

  setOutputs(outputs: nbformat.IOutput[]): void {
    this._ask(outputs, null);
  }

  updateOutputs(
    start: number,
    end: number,
    outputs: nbformat.IOutput[] = [],
    origin: unknown = null
  ): void {
    const next = [...this._shown];
    next.splice(start, Math.max(0, end - start), ...outputs);
    this._ask(next, origin);
  }

  appendStreamOutput(index: number, text: string, origin: unknown = null): void {
    this._editStream(index, old => old + text, origin);
  }

  removeStreamOutput(index: number, start: number, origin: unknown = null): void {
    this._editStream(index, old => old.slice(0, start), origin);
  }

  clearOutputs(origin: unknown = null): void {
    this._ask([], origin);
  }

  override getMetadata(): Partial<nbformat.IBaseCellMetadata>;
  override getMetadata(key: string): PartialJSONValue | undefined;
  override getMetadata(
    key?: string
  ): Partial<nbformat.IBaseCellMetadata> | PartialJSONValue | undefined {
    const trusted = this.notebook.isTrusted(this._id);
    if (key === undefined) {
      return trusted ? { ...super.getMetadata(), [TRUSTED]: true } : super.getMetadata();
    }
    return key === TRUSTED ? trusted || undefined : super.getMetadata(key);
  }

  override toJSON(): nbformat.ICodeCell & { id: string } {
    return {
      ...super.toJSON(),
      cell_type: this.cell_type,
      // A part of an output must not pass for the whole output after a paste.
      outputs: this.notebook.core.runs.held(this._id) > 0 ? [] : this.getOutputs(),
      execution_count: this.execution_count
    };
  }

  /** Whether the view may show outputs as trusted that the server does not trust. */
  get overtrusts(): boolean {
    const trusted = this.notebook.isTrusted(this._id);
    return this._viewTrusts && !trusted && this._truth().outputs.length > 0;
  }

  /** Whether the server trusts outputs that the view still hides. */
  get undertrusts(): boolean {
    return !this._viewTrusts && this.notebook.isTrusted(this._id);
  }

  /** Updates the views from their last state to the state of the runtime document. */
  tellRun(): void {
    this._bringTo(this._truth());
  }

  private _bringTo(now: Truth): void {
    this._telling = true;
    try {
      const change = this._changeTo(now);
      this._shown = now.outputs;
      this._told = now;
      if (!this.isDisposed && Object.keys(change).length > 0) {
        this.changed.emit(change);
      }
    } finally {
      this._telling = false;
    }
  }

  protected override describe(): void {
    // A code cell's other content is in the runtime document.
  }

  protected override noteTrust(trusted: unknown): void {
    if (trusted !== true) {
      return;
    }
    this._viewTrusts = true;
    if (!this.notebook.isTrusted(this._id)) {
      this.notebook.core.runs.outbox.trust(this._id);
    }
  }

  private _changeTo(now: Truth): CellChange {
    const change: CellChange = {};
    let outputs = changeOutputs(this._shown, now.outputs);
    if ((outputs?.outputs?.[0]?.delete ?? 0) >= MANY && this._emptied()) {
      outputs = changeOutputs([], now.outputs);
    }
    if (outputs?.stream !== undefined) {
      // JupyterLab reads plain strings where its types say Yjs text.
      change.streamOutputChange = outputs.stream as unknown as typeof change.streamOutputChange;
    }
    if (outputs?.outputs !== undefined) {
      const delta = outputs.outputs.map(({ insert, ...step }) =>
        insert === undefined ? step : { ...step, insert: insert.map(asMap) }
      );
      change.outputsChange = delta as unknown as typeof change.outputsChange;
    }
    if (now.count !== this._told.count) {
      const args = { oldValue: this._told.count, newValue: now.count };
      change.executionCountChange = args as unknown as typeof change.executionCountChange;
    }
    if (now.state !== this._told.state) {
      change.executionStateChange = { oldValue: this._told.state, newValue: now.state };
    }
    return change;
  }

  private _emptied(): boolean {
    const asked = { cell: this._id, done: false };
    this.notebook.emptying.emit(asked);
    return asked.done;
  }

  /**
   * Requests these outputs from the server. The views follow at once, unless they made the change.
   */
  private _ask(outputs: nbformat.IOutput[], origin: unknown): void {
    if (this._telling || this.isDisposed) {
      return;
    }
    const wanted = structuredClone(outputs);
    const truth = this._truth();
    if (origin === SILENT) {
      this._shown = wanted;
    } else if (this._mayAsk(wanted)) {
      this._tell(wanted);
    }
    if (sameOutputs(wanted, truth.outputs) && (wanted.length > 0 || truth.count === null)) {
      return;
    }
    if (!this._mayAsk(wanted)) {
      this._correct();
    } else if (wanted.length === 0) {
      this.notebook.core.runs.outbox.clear(this._id, this._told.run);
    } else {
      const trusted = this.notebook.isTrusted(this._id);
      const what = { outputs: wanted, executionCount: truth.count, trusted };
      this.notebook.core.runs.outbox.importOutputs(this._id, what, this._told.run);
    }
  }

  /** The placeholder of a missing part must not become an output. */
  private _mayAsk(wanted: nbformat.IOutput[]): boolean {
    const { runs } = this.notebook.core;
    const isWhole = !runs.isWaiting(this._id) && runs.held(this._id) === 0;
    return !this.notebook.readOnly && (wanted.length === 0 || isWhole);
  }

  /** Updates the views to these outputs before the server has them. */
  private _tell(outputs: nbformat.IOutput[]): void {
    this._bringTo({ ...this._told, outputs });
  }

  private _editStream(index: number, edit: (text: string) => string, origin: unknown): void {
    const output = this._shown[index];
    if (this._telling || output?.output_type !== 'stream') {
      return;
    }
    const { text } = output as nbformat.IStream;
    const next = [...this._shown];
    next[index] = { ...output, text: edit(typeof text === 'string' ? text : text.join('')) };
    this._ask(next, origin);
  }

  /** Runs after JupyterLab has finished its own view of the outputs. */
  private _correct(): void {
    queueMicrotask(() => {
      this.notebook.core.runs.tell([this._id]);
    });
  }

  private _truth(): Truth {
    const outputs = this.notebook.core.runs.show(this._id);
    const run = this.notebook.core.runs.runId(this._id);
    return { run, outputs, count: countOf(this._run), state: stateOf(this._run) };
  }

  private get _run(): RunNode | undefined {
    return this.notebook.core.runs.run(this._id);
  }

  private _shown: nbformat.IOutput[];
  private _told: Truth;
  private _viewTrusts: boolean;
  private _telling = false;
}

/** JupyterLab and its extensions take a cell with a count for a cell that has run. */
function countOf(run: RunNode | undefined): number | null {
  return isLive(run) ? null : (run?.execution_count ?? null);
}

function stateOf(run: RunNode | undefined): IExecutionState {
  return isLive(run) ? 'running' : 'idle';
}

function asMap(output: nbformat.IOutput): { toJSON(): nbformat.IOutput } {
  return { toJSON: () => output };
}
