import { Signal } from '@lumino/signaling';
import { beforeEach, describe, expect, it } from 'vitest';

import type { RoomConnection } from '../../src/connection/roomConnection';
import * as am from '../../src/document/automerge';
import type { RuntimeNode } from '../../src/document/schema';
import { seed } from '../../src/document/seeds';
import { RoomNotebook } from '../../src/model/notebook';
import { RunRequests } from '../../src/rooms/runRequests';
import { startWasm } from '../protocol/room';

/** The server's runtime document, and a notebook that follows it. */
let server: am.Doc<RuntimeNode>;
let model: RoomNotebook;
let calls: string[][];
let otherArguments: object;
let requests: RunRequests;
let answer: (cells: string[]) => Promise<{ runs: string[] }>;
let statusChanged: Signal<object, { phase: string }>;

beforeEach(async () => {
  await startWasm();
  model = new RoomNotebook();
  const bytes = await seed('runtime');
  server = am.load<RuntimeNode>(bytes);
  model.documents.load('runtime', 'e', bytes);
  calls = [];
  answer = cells => Promise.resolve({ runs: cells.map(cell => `run-${cell}`) });
  statusChanged = new Signal({});
  const connection = {
    statusChanged,
    call: async (_: string, { cells, ...more }: { cells: string[] }) => {
      calls.push(cells);
      otherArguments = more;
      return await answer(cells);
    }
  };
  requests = new RunRequests({ model, connection: connection as unknown as RoomConnection });
});

/** Waits for one turn of the event loop, so that all settled promises have continued. */
async function settlePromises(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve));
}

function write(change: (doc: RuntimeNode) => void): void {
  const before = am.getHeads(server);
  server = am.change(server, change);
  am.getChangesSince(server, before).forEach(bytes => {
    model.documents.apply('runtime', bytes);
  });
}

function run(cell: string, state: string, more: object = {}): void {
  write(doc => {
    const [cell_id, by] = [am.str(cell), am.str('ana')];
    doc.runs[`run-${cell}`] = { cell_id, by, state: am.str(state), outputs: [], ...more };
  });
}

describe('requested runs', () => {
  it('of one turn are sent in one call, and each settles on its own', async () => {
    const both = [requests.run('a'), requests.run('b')];
    run('a', 'queued');
    run('b', 'queued');
    run('a', 'ok');
    expect(await both[0]).toEqual({ state: 'ok' });
    run('b', 'cancelled');
    expect(await both[1]).toEqual({ state: 'cancelled' });
    expect(calls).toEqual([['a', 'b']]);
  });

  it('record their timing if the user wants it', async () => {
    const plain = requests.run('a');
    await settlePromises();
    expect(otherArguments).toEqual({});
    const timed = requests.run('b', true);
    await settlePromises();
    expect(otherArguments).toEqual({ record_timing: true });
    run('a', 'ok');
    run('b', 'ok');
    await Promise.all([plain, timed]);
  });

  it('settle at once if they ended before the reply', async () => {
    const outcome = requests.run('a');
    run('a', 'ok');
    expect(await outcome).toEqual({ state: 'ok' });
  });

  it('settle with their error', async () => {
    const outcome = requests.run('a');
    const error = {
      id: am.str('o'),
      type: am.str('error'),
      ename: am.str('ValueError'),
      evalue: am.str('no'),
      traceback: [am.str('line')]
    };
    run('a', 'error', { outputs: [error] });
    expect(await outcome).toEqual({
      state: 'error',
      ename: 'ValueError',
      evalue: 'no',
      traceback: ['line']
    });
  });

  it('settle with the reason of their loss', async () => {
    const outcome = requests.run('a');
    run('a', 'lost', { reason: am.str('the kernel died') });
    expect(await outcome).toEqual({ state: 'lost', reason: 'the kernel died' });
  });

  it('settle as cancelled if another run of the cell replaces them', async () => {
    const outcome = requests.run('a');
    await settlePromises();
    run('a', 'running');
    write(doc => {
      delete doc.runs['run-a'];
    });
    expect(await outcome).toEqual({ state: 'cancelled' });
  });

  it('settle as cancelled if they are gone after a reconnection', async () => {
    const outcome = requests.run('a');
    await settlePromises();
    statusChanged.emit({ phase: 'live' });
    expect(await outcome).toEqual({ state: 'cancelled' });
  });

  it('reject if the call fails', async () => {
    answer = () => Promise.reject(new Error('offline'));
    await expect(requests.run('a')).rejects.toThrow('offline');
  });

  it('settle as cancelled when the notebook is closed', async () => {
    const outcome = requests.run('a');
    await settlePromises();
    model.dispose();
    expect(await outcome).toEqual({ state: 'cancelled' });
  });
});
