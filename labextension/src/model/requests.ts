/**
 * What the model asks of the server about outputs. The model itself never writes them.
 *
 * JupyterLab asks cell by cell; what it asks in one command leaves as one request.
 */
import type * as nbformat from '@jupyterlab/nbformat';

/** Calls to the server. A rejection means that it was not done. */
export interface RuntimeRequests {
  clear(cellIds: string[]): Promise<void>;
  importOutputs(
    cellId: string,
    outputs: nbformat.IOutput[],
    executionCount: number | null,
    trusted: boolean
  ): Promise<void>;
  /** Every cell of the notebook is trusted. */
  trust(): Promise<void>;
}

export interface Import {
  outputs: nbformat.IOutput[];
  executionCount: number | null;
  /** Whether they were trusted where they come from. */
  trusted: boolean;
}

/** A call that is larger than 1 MiB ends the connection. */
const IMPORT_BYTES = 1_000_000;

export class Outbox {
  /**
   * `refused` is called with the cells whose request was not done: their views show what was asked
   * for, and must be brought back to the truth. `shouldTrust` judges whether trusting these cells
   * means to trust the notebook.
   */
  constructor(
    private readonly _requests: RuntimeRequests | null,
    private readonly _refused: (cellIds: string[]) => void,
    private readonly _shouldTrust: (cellIds: ReadonlySet<string>) => boolean
  ) {}

  clear(cellId: string): void {
    this._imports.delete(cellId);
    this._clears.add(cellId);
    this._later();
  }

  /** `what` is a promise when parts of it have to be fetched first. */
  importOutputs(cellId: string, what: Import | Promise<Import>): void {
    this._clears.delete(cellId);
    this._imports.set(cellId, what);
    this._later();
  }

  trust(cellId: string): void {
    this._trusted.add(cellId);
    this._later();
  }

  /** Whether outputs of this cell are about to be cleared. */
  clears(cellId: string): boolean {
    return this._clears.has(cellId);
  }

  private _later(): void {
    if (!this._scheduled) {
      this._scheduled = true;
      queueMicrotask(() => {
        this._scheduled = false;
        this._flush();
      });
    }
  }

  private _flush(): void {
    const trusts = this._trusted.size > 0 && this._shouldTrust(this._trusted);
    const clears = [...this._clears];
    const imports = [...this._imports];
    this._trusted.clear();
    this._clears.clear();
    this._imports.clear();
    if (clears.length > 0) {
      this._ask(clears, async requests => {
        await requests.clear(clears);
      });
    }
    for (const [id, what] of imports) {
      this._ask([id], async requests => {
        const { outputs, executionCount, trusted } = await what;
        if (new TextEncoder().encode(JSON.stringify(outputs)).length > IMPORT_BYTES) {
          throw new Error('these outputs are too large for a call');
        }
        await requests.importOutputs(id, outputs, executionCount, trusted);
      });
    }
    if (trusts) {
      this._ask([], async requests => {
        await requests.trust();
      });
    }
  }

  private _ask(cellIds: string[], call: (requests: RuntimeRequests) => Promise<void>): void {
    if (this._requests === null) {
      this._refused(cellIds);
      return;
    }
    call(this._requests).catch(() => {
      this._refused(cellIds);
    });
  }

  private readonly _clears = new Set<string>();
  private readonly _imports = new Map<string, Import | Promise<Import>>();
  private readonly _trusted = new Set<string>();
  private _scheduled = false;
}
