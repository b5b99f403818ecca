/**
 * Requests of one room for runs, and the waits for their ends.
 *
 * The server runs cells; the runtime document has the outcome. Cells of one turn leave as one call,
 * so that an error in one of them stops the later ones.
 */
import { PromiseDelegate } from '@lumino/coreutils';

import { read } from '../document/automerge';
import type { BlobNode, RunNode, Str } from '../document/schema';
import { own } from '../document/schema';
import type { OpenRoom } from '../tokens';

export type RunOutcome =
  | { state: 'ok' | 'cancelled' }
  | { state: 'lost'; reason: string }
  | { state: 'error'; ename: string; evalue: string; traceback: string[] };

interface Asked {
  cell: string;
  timed: boolean;
  outcome: PromiseDelegate<RunOutcome>;
}

interface Awaited {
  outcome: PromiseDelegate<RunOutcome>;
  seen: boolean;
}

export class RunRequests {
  private asked: Asked[] = [];
  private readonly awaited = new Map<string, Awaited>();

  constructor(private readonly room: OpenRoom) {
    room.model.documents.runtimeChanged.connect(() => {
      this.look(false);
    });
    room.connection.statusChanged.connect((_, { phase }) => {
      if (phase === 'live') {
        this.look(true);
      }
    });
    room.model.disposed.connect(() => {
      this.awaited.forEach(({ outcome }) => {
        outcome.resolve({ state: 'cancelled' });
      });
      this.awaited.clear();
    });
  }

  /**
   * Resolves when the run has ended; rejects if the request failed. `timed`: the notebook records
   * the time of the run.
   */
  async run(cell: string, timed = false): Promise<RunOutcome> {
    const outcome = new PromiseDelegate<RunOutcome>();
    this.asked.push({ cell, timed, outcome });
    if (this.asked.length === 1) {
      queueMicrotask(() => {
        void this.ask();
      });
    }
    return await outcome.promise;
  }

  private async ask(): Promise<void> {
    const { asked } = this;
    this.asked = [];
    try {
      const cells = asked.map(({ cell }) => cell);
      const record = asked.some(({ timed }) => timed) ? { record_timing: true } : {};
      const args = { cells, ...record };
      const answer = (await this.room.connection.call('run', args)) as { runs: string[] };
      asked.forEach(({ outcome }, at) => {
        const run = answer.runs[at];
        if (run === undefined) {
          outcome.resolve({ state: 'cancelled' });
        } else {
          this.awaited.set(run, { outcome, seen: false });
        }
      });
      this.look(false);
    } catch (error) {
      asked.forEach(({ outcome }) => {
        outcome.reject(error);
      });
    }
  }

  /** `complete`: the document has every run, so a missing one was replaced. */
  private look(complete: boolean): void {
    for (const [id, awaited] of this.awaited) {
      const run = own(this.room.model.documents.runtime.runs, id);
      const gone = run === undefined && (awaited.seen || complete);
      const ended = run === undefined ? null : outcomeOf(run);
      awaited.seen ||= run !== undefined;
      if (gone || ended !== null) {
        this.awaited.delete(id);
        awaited.outcome.resolve(ended ?? { state: 'cancelled' });
      }
    }
  }
}

/** Null while the run goes on. */
export function outcomeOf(run: RunNode): RunOutcome | null {
  switch (read(run.state)) {
    case 'ok':
      return { state: 'ok' };
    case 'cancelled':
      return { state: 'cancelled' };
    case 'lost':
      return { state: 'lost', reason: read(run.reason) };
    case 'error':
      return errorOf(run);
    default:
      return null;
  }
}

/** Parts in blobs are left out, because the cell shows the whole. */
function textOf(part: Str | BlobNode | undefined): string {
  return part === undefined || 'blob' in part ? '…' : read(part);
}

function errorOf(run: RunNode): RunOutcome {
  const output = run.outputs.findLast(each => read(each.type) === 'error');
  return {
    state: 'error',
    ename: read(output?.ename),
    evalue: textOf(output?.evalue),
    traceback: (output?.traceback ?? []).map(textOf)
  };
}
