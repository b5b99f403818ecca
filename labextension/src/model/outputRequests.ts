/**
 * Requests of the model to the server about outputs. The model itself never writes outputs.
 *
 * JupyterLab asks cell by cell; the requests of one command leave as one request.
 */
import type * as nbformat from '@jupyterlab/nbformat';

/** Calls to the server. A rejection means that the call was not carried out. */
export interface RuntimeRequests {
  clear(cellIds: string[], seen: Seen): Promise<void>;
  importOutputs(cellId: string, what: Import, seen: Seen): Promise<void>;
  /** Every cell of the notebook is trusted. */
  trust(): Promise<void>;
}

/**
 * The run that a cell showed at the time of the request; the server skips a cell that ran since.
 */
export type Seen = Readonly<Record<string, string>>;

export interface Import {
  outputs: nbformat.IOutput[];
  executionCount: number | null;
  /** Whether the outputs were trusted at their origin. */
  trusted: boolean;
  /**
   * The import is skipped if the cell still has this run, because that run has more output than the
   * view saw.
   */
  unlessRun?: string | undefined;
}

/** A call above 1 MiB ends the connection. */
const IMPORT_BYTES = 1_000_000;

export class OutputRequests {
  /**
   * `refused` is called with the cells of a failed request: their views show the wish, and must
   * return to the server's state. `shouldTrust` decides whether trusting these cells means trusting
   * the notebook.
   */
  constructor(
    private readonly _requests: RuntimeRequests | null,
    private readonly _refused: (cellIds: string[]) => void,
    private readonly _shouldTrust: (cellIds: ReadonlySet<string>) => boolean
  ) {}

  /** `seen`: the run whose outputs are meant; the present run if undefined. */
  clear(cellId: string, seen?: string): void {
    this._imports.delete(cellId);
    this._clears.set(cellId, seen);
    this._later();
  }

  /** `what` is a promise if parts of it must be fetched first. */
  importOutputs(cellId: string, what: Import | Promise<Import>, seen?: string): void {
    this._clears.delete(cellId);
    this._imports.set(cellId, { what, seen });
    this._later();
  }

  trust(cellId: string): void {
    this._trusted.add(cellId);
    this._later();
  }

  /** Whether a request to clear this cell's outputs is pending. */
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
    const clears = new Map(this._clears);
    const imports = [...this._imports];
    this._trusted.clear();
    this._clears.clear();
    this._imports.clear();
    if (clears.size > 0) {
      const ids = [...clears.keys()];
      this._ask(ids, async requests => {
        await requests.clear(ids, seenOf(clears));
      });
    }
    for (const [id, { what, seen }] of imports) {
      this._ask([id], async requests => {
        const found = await what;
        if (new TextEncoder().encode(JSON.stringify(found.outputs)).length > IMPORT_BYTES) {
          throw new Error('these outputs are too large for a call');
        }
        await requests.importOutputs(id, found, seenOf([[id, seen]]));
        if (found.unlessRun !== undefined) {
          this._refused([id]);
        }
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

  private readonly _clears = new Map<string, string | undefined>();
  private readonly _imports = new Map<
    string,
    { what: Import | Promise<Import>; seen: string | undefined }
  >();
  private readonly _trusted = new Set<string>();
  private _scheduled = false;
}

function seenOf(asked: Iterable<readonly [string, string | undefined]>): Seen {
  return Object.fromEntries(
    [...asked].filter((one): one is [string, string] => one[1] !== undefined)
  );
}
