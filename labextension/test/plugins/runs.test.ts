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
let besides: object;
let desk: RunRequests;
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
      besides = more;
      return await answer(cells);
    }
  };
  desk = new RunRequests({ model, connection: connection as unknown as RoomConnection });
});

/** A turn of the event loop: everything that was only waiting for promises is done. */
async function answered(): Promise<void> {
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

describe('runs', () => {
  it('of one turn leave as one call, and each ends for itself', async () => {
    const both = [desk.run('a'), desk.run('b')];
    run('a', 'queued');
    run('b', 'queued');
    run('a', 'ok');
    expect(await both[0]).toEqual({ state: 'ok' });
    run('b', 'cancelled');
    expect(await both[1]).toEqual({ state: 'cancelled' });
    expect(calls).toEqual([['a', 'b']]);
  });

  it('say when they ran if the user has asked for that', async () => {
    const plain = desk.run('a');
    await answered();
    expect(besides).toEqual({});
    const timed = desk.run('b', true);
    await answered();
    expect(besides).toEqual({ record_timing: true });
    run('a', 'ok');
    run('b', 'ok');
    await Promise.all([plain, timed]);
  });

  it('that had ended before the answer came are over at once', async () => {
    const asked = desk.run('a');
    run('a', 'ok');
    expect(await asked).toEqual({ state: 'ok' });
  });

  it('that failed say what was raised', async () => {
    const asked = desk.run('a');
    const error = {
      id: am.str('o'),
      type: am.str('error'),
      ename: am.str('ValueError'),
      evalue: am.str('no'),
      traceback: [am.str('line')]
    };
    run('a', 'error', { outputs: [error] });
    expect(await asked).toEqual({
      state: 'error',
      ename: 'ValueError',
      evalue: 'no',
      traceback: ['line']
    });
  });

  it('that were lost say why', async () => {
    const asked = desk.run('a');
    run('a', 'lost', { reason: am.str('the kernel died') });
    expect(await asked).toEqual({ state: 'lost', reason: 'the kernel died' });
  });

  it('that another run of the cell replaced are cancelled', async () => {
    const asked = desk.run('a');
    await answered();
    run('a', 'running');
    write(doc => {
      delete doc.runs['run-a'];
    });
    expect(await asked).toEqual({ state: 'cancelled' });
  });

  it('that are gone when the connection is back are cancelled', async () => {
    const asked = desk.run('a');
    await answered();
    statusChanged.emit({ phase: 'live' });
    expect(await asked).toEqual({ state: 'cancelled' });
  });

  it('that could not be asked for say so', async () => {
    answer = () => Promise.reject(new Error('offline'));
    await expect(desk.run('a')).rejects.toThrow('offline');
  });

  it('end with the notebook', async () => {
    const asked = desk.run('a');
    await answered();
    model.dispose();
    expect(await asked).toEqual({ state: 'cancelled' });
  });
});
