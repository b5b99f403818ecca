import type { ISessionContext } from '@jupyterlab/apputils';
import type { Kernel } from '@jupyterlab/services';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { RoomDocuments } from '../../src/document/documents';
import { modelReady, filled, FILLED_MS, whenOpened } from '../../src/widgets/modelReady';
import { OutputLag } from '../../src/widgets/outputLag';

/** A page: what the room's document says, and what the kernel's own socket has brought. */
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

  /** The document says this of a run. */
  says(run: string, state: string, sent = true): void {
    this.runtime.cells['c'] = { run };
    this.runtime.runs = { [run]: { state, started_at: sent ? 1 : null } };
    this.runtimeChanged.emit({ edit: { cells: new Set(['c']) } });
  }

  /** The kernel's socket brings this. */
  brings(type: string, parent: string, content: object): void {
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
  page.says('old', 'ok');
  lag = page.lag();
});

/** What a promise came to, or `waits`. */
async function now(promise: Promise<string>): Promise<string> {
  const turn = new Promise<string>(resolve => setTimeout(resolve, 0, 'waits'));
  return await Promise.race([promise, turn]);
}

describe('a widget', () => {
  it('that is there is shown', async () => {
    page.brings('comm_open', 'r', { comm_id: 'w' });
    expect(await page.wait(lag)).toBe('came');
  });

  it('of a run that is long over is not waited for', async () => {
    expect(await page.wait(lag)).toBe('settled');
  });

  it('is waited for while the kernel socket is behind the document', async () => {
    page.says('r', 'ok');
    const waiting = page.wait(lag);
    expect(await now(waiting)).toBe('waits');
    page.brings('comm_open', 'r', { comm_id: 'another' });
    expect(await now(waiting)).toBe('waits');
    page.brings('comm_open', 'r', { comm_id: 'w' });
    expect(await now(waiting)).toBe('came');
  });

  it('that does not come with its run will not', async () => {
    page.says('r', 'running');
    const waiting = page.wait(lag);
    page.brings('status', 'r', { execution_state: 'busy' });
    expect(await now(waiting)).toBe('waits');
    page.brings('status', 'r', { execution_state: 'idle' });
    expect(await now(waiting)).toBe('settled');
  });

  it('that comes after all can be shown then', () => {
    const came: string[] = [];
    whenOpened(page.kernel as unknown as Kernel.IKernelConnection, 'w', () => came.push('w'));
    page.brings('comm_open', 'r', { comm_id: 'v' });
    page.brings('comm_open', 'r', { comm_id: 'w' });
    page.brings('comm_open', 'r', { comm_id: 'w' });
    expect(came).toEqual(['w']);
  });
});

describe('the kernel socket', () => {
  it('may be first to say that a run is over', () => {
    page.brings('status', 'r', { execution_state: 'idle' });
    page.says('r', 'ok');
    expect(lag.now()).toBe(false);
  });

  it('is not behind for what the kernel never had', () => {
    page.says('r', 'cancelled', false);
    expect(lag.now()).toBe(false);
    page.says('s', 'lost');
    expect(lag.now()).toBe(false);
  });

  it('is not waited for when it is gone, or the kernel is', () => {
    page.says('r', 'running');
    expect(lag.now()).toBe(true);
    page.kernel.connectionStatus = 'connecting';
    expect(lag.now()).toBe(false);
    page.kernel.connectionStatus = 'connected';
    page.connectionStatusChanged.emit('connected');
    expect(lag.now()).toBe(false);
    page.says('s', 'running');
    page.statusChanged.emit('restarting');
    expect(lag.now()).toBe(false);
  });

  it('is not waited for when the run was replaced or the kernel is idle again', () => {
    page.says('r', 'running');
    page.says('s', 'queued', false);
    expect(lag.now()).toBe(false);
    page.runtime.kernel.state = 'busy';
    expect(lag.now()).toBe(true);
  });

  it('is known to be behind by who hears of the same change first', () => {
    const heard: boolean[] = [];
    const other = new Page();
    other.runtimeChanged.connect(() => heard.push(later.now()));
    const later = other.lag();
    other.says('r', 'ok');
    expect(heard).toEqual([true]);
  });
});

describe('what fills a model', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is waited for until the socket has brought the end of its run', async () => {
    const page = new Page();
    const lag = page.lag();
    page.says('r', 'ok');
    let done = false;
    const waiting = filled(lag).then(() => {
      done = true;
    });
    await Promise.resolve();
    expect(done).toBe(false);
    page.brings('status', 'r', { execution_state: 'idle' });
    await waiting;
  });

  it('is not waited for when nothing is under way', async () => {
    await filled(new Page().lag());
  });

  it('is not waited for as long as a run may take', async () => {
    const page = new Page();
    page.says('r', 'running');
    const waiting = filled(page.lag());
    vi.advanceTimersByTime(FILLED_MS);
    await waiting;
  });
});
