import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { RoomDocuments } from '../../src/document/documents';
import { modelReady, filled, FILLED_MS, whenOpened } from '../../src/widgets/modelReady';
import { OutputLag } from '../../src/widgets/outputLag';

/** A page with a runtime document and a kernel socket. */
class Page {
  readonly iopubMessage = new Signal<object, unknown>({});
  readonly runtimeChanged = new Signal<object, unknown>({});
  readonly kernelChanged = new Signal<object, unknown>({});
  readonly connectionStatusChanged = new Signal<object, unknown>({});
  readonly statusChanged = new Signal<object, unknown>({});
  readonly comms = new Set<string>();
  readonly runtime = {
    kernel: { state: 'idle' },
    cells: {} as Record<string, { run: string }>,
    runs: {} as Record<string, object>
  };
  readonly kernel = {
    status: 'idle',
    connectionStatus: 'connected',
    isDisposed: false,
    iopubMessage: this.iopubMessage,
    hasComm: (id: string) => this.comms.has(id)
  };

  lag(): OutputLag {
    const { kernel, iopubMessage, kernelChanged, connectionStatusChanged, statusChanged } = this;
    const session = {
      session: { kernel },
      iopubMessage,
      kernelChanged,
      connectionStatusChanged,
      statusChanged
    } as unknown as ISessionContext;
    return new OutputLag(session, this as unknown as RoomDocuments);
  }

  /** Writes the state of a run into the document; `sent` tells whether the kernel got the run. */
  setRun(run: string, state: string, sent = true): void {
    this.runtime.cells['c'] = { run };
    this.runtime.runs = { [run]: { state, started_at: sent ? 1 : null } };
    this.runtimeChanged.emit({ edit: { cells: new Set(['c']) } });
  }

  /** Receives a message from the kernel socket. */
  receive(type: string, parent: string, content: object): void {
    if (type === 'comm_open') {
      this.comms.add((content as { comm_id: string }).comm_id);
    }
    this.iopubMessage.emit({
      header: { msg_type: type },
      parent_header: { msg_id: parent },
      content
    });
  }

  async wait(lag: OutputLag): Promise<string> {
    return await modelReady(this.kernel as unknown as Kernel.IKernelConnection, 'w', lag);
  }
}

let page: Page;
let lag: OutputLag;

beforeEach(() => {
  page = new Page();
  page.setRun('old', 'ok');
  lag = page.lag();
});

/** Returns the result of a promise, or `waits` if it has none yet. */
async function resultOrWaits(promise: Promise<string>): Promise<string> {
  const turn = new Promise<string>(resolve => setTimeout(resolve, 0, 'waits'));
  return await Promise.race([promise, turn]);
}

describe('a widget model', () => {
  it('is ready if the kernel has its comm', async () => {
    page.receive('comm_open', 'r', { comm_id: 'w' });
    expect(await page.wait(lag)).toBe('came');
  });

  it('is not awaited if its run ended before the page was opened', async () => {
    expect(await page.wait(lag)).toBe('settled');
  });

  it('is awaited while the kernel socket lags behind the document', async () => {
    page.setRun('r', 'ok');
    const waiting = page.wait(lag);
    expect(await resultOrWaits(waiting)).toBe('waits');
    page.receive('comm_open', 'r', { comm_id: 'another' });
    expect(await resultOrWaits(waiting)).toBe('waits');
    page.receive('comm_open', 'r', { comm_id: 'w' });
    expect(await resultOrWaits(waiting)).toBe('came');
  });

  it('is given up when its run ends without it', async () => {
    page.setRun('r', 'running');
    const waiting = page.wait(lag);
    page.receive('status', 'r', { execution_state: 'busy' });
    expect(await resultOrWaits(waiting)).toBe('waits');
    page.receive('status', 'r', { execution_state: 'idle' });
    expect(await resultOrWaits(waiting)).toBe('settled');
  });

  it('is reported once by whenOpened if it arrives later', () => {
    const came: string[] = [];
    whenOpened(page.kernel as unknown as Kernel.IKernelConnection, 'w', () => came.push('w'));
    page.receive('comm_open', 'r', { comm_id: 'v' });
    page.receive('comm_open', 'r', { comm_id: 'w' });
    page.receive('comm_open', 'r', { comm_id: 'w' });
    expect(came).toEqual(['w']);
  });
});

describe('the kernel socket', () => {
  it('does not lag if it reports the end of a run before the document', () => {
    page.receive('status', 'r', { execution_state: 'idle' });
    page.setRun('r', 'ok');
    expect(lag.now()).toBe(false);
  });

  it('does not lag for cancelled and lost runs', () => {
    page.setRun('r', 'cancelled', false);
    expect(lag.now()).toBe(false);
    page.setRun('s', 'lost');
    expect(lag.now()).toBe(false);
  });

  it('does not lag after a reconnection or a restart of the kernel', () => {
    page.setRun('r', 'running');
    expect(lag.now()).toBe(true);
    page.kernel.connectionStatus = 'connecting';
    expect(lag.now()).toBe(false);
    page.kernel.connectionStatus = 'connected';
    page.connectionStatusChanged.emit('connected');
    expect(lag.now()).toBe(false);
    page.setRun('s', 'running');
    page.statusChanged.emit('restarting');
    expect(lag.now()).toBe(false);
  });

  it('lags for a replaced run only while the kernel is busy', () => {
    page.setRun('r', 'running');
    page.setRun('s', 'queued', false);
    expect(lag.now()).toBe(false);
    page.runtime.kernel.state = 'busy';
    expect(lag.now()).toBe(true);
  });

  it('lags already for an earlier listener of the same document change', () => {
    const heard: boolean[] = [];
    const other = new Page();
    other.runtimeChanged.connect(() => heard.push(later.now()));
    const later = other.lag();
    other.setRun('r', 'ok');
    expect(heard).toEqual([true]);
  });
});

describe('the wait for the content of a widget model', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('lasts until the kernel socket receives the end of the run', async () => {
    const page = new Page();
    const lag = page.lag();
    page.setRun('r', 'ok');
    let done = false;
    const waiting = filled(lag).then(() => {
      done = true;
    });
    await Promise.resolve();
    expect(done).toBe(false);
    page.receive('status', 'r', { execution_state: 'idle' });
    await waiting;
  });

  it('ends at once if no run is active', async () => {
    await filled(new Page().lag());
  });

  it('ends after FILLED_MS although the run continues', async () => {
    const page = new Page();
    page.setRun('r', 'running');
    const waiting = filled(page.lag());
    vi.advanceTimersByTime(FILLED_MS);
    await waiting;
  });
});
