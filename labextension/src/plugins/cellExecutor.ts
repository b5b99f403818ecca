/**
 * Runs cells in place of JupyterLab's executor: cells of a room on the server, all others in the
 * usual way.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookCellExecutor, KernelError, runCell } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CallFailed } from '../connection/roomConnection';
import { LOST, OFFLINE } from '../peer/pendingCalls';
import type { RunOutcome, RunRequests } from '../rooms/runRequests';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

type Options = INotebookCellExecutor.IRunCellOptions;

/** Created at first use, because reading the documents loads Automerge. */
type Desks = (room: OpenRoom) => RunRequests;

export class RoomCellExecutor implements INotebookCellExecutor {
  constructor(
    private readonly rooms: IRooms | null,
    private readonly desk: Desks,
    private readonly trans: TranslationBundle
  ) {}

  async runCell(options: Options): Promise<boolean> {
    const { cell, notebook, sessionContext } = options;
    const room = this.rooms?.of(notebook.sharedModel) ?? null;
    const elsewhere = sessionContext === undefined || sessionContext.isTerminating;
    if (room === null || cell.model.type !== 'code' || elsewhere) {
      return await runCell(options);
    }
    if (!sessionContext.isReady) {
      // During the search for its kernel the session has none, and starting another would make two.
      // The session is not ready before there is a kernel, although users may have chosen to have
      // none.
      await sessionContext.initialize();
    }
    if (sessionContext.hasNoKernel && !(await findKernel(options))) {
      return await runCell({ ...options, sessionContext: undefined });
    }
    options.onCellExecutionScheduled({ cell });
    notebook.deletedCells.splice(0);
    let outcome: RunOutcome;
    try {
      outcome = await this.desk(room).run(cell.model.id, options.notebookConfig.recordTiming);
    } catch (error) {
      this.notRun(error);
      this.executed(options, false);
      return false;
    }
    return this.conclude(options, outcome);
  }

  private conclude(options: Options, outcome: RunOutcome): boolean {
    switch (outcome.state) {
      case 'ok':
        this.executed(options, true);
        return true;
      case 'error': {
        const error = new KernelError({ ...outcome, status: 'error', execution_count: 0 });
        this.executed(options, false, error);
        throw error;
      }
      case 'lost':
        this.interrupted(outcome.reason);
        this.executed(options, false);
        return false;
      case 'cancelled':
        this.executed(options, false);
        return false;
    }
  }

  private executed({ cell, onCellExecuted }: Options, success: boolean, error?: KernelError): void {
    if (!cell.isDisposed) {
      onCellExecuted({ cell, success, error: error ?? null });
    }
  }

  private reason(error: unknown): string {
    switch (error instanceof CallFailed ? error.code : '') {
      case OFFLINE:
        return this.trans.__('there is no connection to the server');
      case LOST:
        return this.trans.__('the connection broke before the server answered');
      default:
        return error instanceof Error ? error.message : String(error);
    }
  }

  private interrupted(reason: string): void {
    const why = reason || this.trans.__('the kernel is gone');
    Notification.error(this.trans.__('The cell was interrupted: %1', why), { autoClose: 5000 });
  }

  private notRun(error: unknown): void {
    const why = this.reason(error);
    Notification.error(this.trans.__('The cell was not run: %1', why), { autoClose: 5000 });
  }
}

/** Returns whether the notebook has a kernel, after asking the user for one. */
async function findKernel({ sessionContext, sessionDialogs }: Options): Promise<boolean> {
  const mustSelect = (await sessionContext?.startKernel()) ?? false;
  if (mustSelect && sessionContext !== undefined) {
    await sessionDialogs?.selectKernel(sessionContext);
  }
  return sessionContext?.hasNoKernel === false;
}

/** One `RunRequests` for each open room. */
async function desks(): Promise<Desks> {
  const { RunRequests: Desk } = await import('../rooms/runRequests');
  const made = new WeakMap<OpenRoom, RunRequests>();
  return room => {
    const desk = made.get(room) ?? new Desk(room);
    made.set(room, desk);
    return desk;
  };
}

export const cellExecutor: JupyterFrontEndPlugin<INotebookCellExecutor> = {
  id: 'jupyter-runtimed:cell-executor',
  description: 'Runs the cells of rooms on the server.',
  autoStart: true,
  optional: [IRooms, ITranslator],
  provides: INotebookCellExecutor,
  activate: async (_, rooms: IRooms | null, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const none: Desks = () => {
      throw new Error(trans.__('This part of jupyter-runtimed was not loaded'));
    };
    return new RoomCellExecutor(rooms, await desks().catch(() => none), trans);
  }
};
