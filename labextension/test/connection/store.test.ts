import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { OfflineCopy } from '../../src/connection/offlineCopy';
import { OfflineStore } from '../../src/connection/offlineStore';
import type { Memory } from '../../src/peer/effects';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const ticket = (n: number): Memory['tickets'][number] => ({ prefix: bytes(n), proof: bytes(n, n) });
const memory = (shared: string[], ...tickets: number[]): Memory => ({
  shared,
  tickets: tickets.map(ticket)
});

let idb: IDBFactory;
let store: OfflineStore;

beforeEach(async () => {
  idb = new IDBFactory();
  store = await OfflineStore.open('/', idb);
});

const row = (snapshot: Uint8Array, epoch = 'e', used = 1): Parameters<typeof put>[0] => ({
  path: 'a.ipynb',
  epoch,
  snapshot,
  used
});
const put = async (
  what: { path: string; epoch: string; snapshot: Uint8Array; used: number },
  with_: Memory = memory(['h'], 1)
): Promise<void> => {
  await store.room('r').replace(what, with_);
};

describe('the store', () => {
  it('knows nothing of a room at first', async () => {
    expect(await store.room('r').load()).toBeNull();
    expect(await store.roomAt('a.ipynb')).toBeNull();
  });

  it('gives back a snapshot, the changes after it, and what was remembered', async () => {
    await put(row(bytes(1)));
    await store.room('r').append('e', [bytes(2), bytes(3)], memory(['h2'], 1, 2));
    const again = await OfflineStore.open('/', idb);
    expect(await again.room('r').load()).toEqual({
      epoch: 'e',
      snapshot: bytes(1),
      changes: [bytes(2), bytes(3)],
      memory: memory(['h2'], 1, 2)
    });
    expect(await again.roomAt('a.ipynb')).toBe('r');
  });

  it('a snapshot removes what its writer knew, and leaves what another tab wrote', async () => {
    await put(row(bytes(1)));
    const [one, two] = [store.room('r'), store.room('r')];
    await one.append('e', [bytes(2)], memory([], 1));
    await two.append('e', [bytes(3)], memory([], 2));
    await one.replace(row(bytes(9)), memory([], 1));
    expect(await store.room('r').load()).toMatchObject({
      snapshot: bytes(9),
      changes: [bytes(3)],
      memory: memory([], 1, 2)
    });
  });

  it('changes of another epoch count for nothing', async () => {
    await put(row(bytes(1), 'e1'));
    const [old, alone] = [store.room('r'), store.room('r')];
    await alone.load();
    await alone.replace(row(bytes(2), 'e2'), memory(['h'], 1));
    await old.append('e1', [bytes(7)], memory(['lost'], 1));
    expect(await store.room('r').load()).toMatchObject({
      epoch: 'e2',
      changes: [],
      memory: { shared: ['h'] }
    });
  });

  it('what another tab left on the document before is taken up by the next one', async () => {
    await put(row(bytes(1), 'e1'));
    const [closed, open] = [store.room('r'), store.room('r')];
    await closed.append('e1', [bytes(6)], memory(['h'], 1));
    await open.load();
    await closed.append('e1', [bytes(7)], memory(['h1'], 1));
    await open.replace(row(bytes(2), 'e2', 2), memory(['h2'], 2));
    const next = store.room('r');
    expect(await next.load()).toMatchObject({
      epoch: 'e1',
      snapshot: bytes(1),
      changes: [bytes(6), bytes(7)],
      memory: memory(['h1'], 1, 2)
    });
    expect(await store.roomAt('a.ipynb')).toBe('r');
    await next.replace(row(bytes(3), 'e2', 3), memory(['h3'], 2));
    expect(await store.room('r').load()).toMatchObject({
      epoch: 'e2',
      snapshot: bytes(3),
      changes: []
    });
  });

  it('what another tab left in a snapshot of the document before is taken up too', async () => {
    await put(row(bytes(1), 'e1'));
    const open = store.room('r');
    await open.load();
    await store.room('r').replace(row(bytes(5), 'e1', 2), memory(['h1'], 1));
    await open.replace(row(bytes(2), 'e2', 3), memory(['h2'], 2));
    expect(await store.room('r').load()).toMatchObject({ epoch: 'e1', snapshot: bytes(5) });
  });

  it('a tab that is alone leaves nothing of the document before', async () => {
    await put(row(bytes(1), 'e1'));
    const alone = store.room('r');
    await alone.load();
    await alone.append('e1', [bytes(7)], memory(['h1'], 1));
    await alone.replace(row(bytes(2), 'e2', 2), memory(['h2'], 1));
    await alone.replace(row(bytes(3), 'e3', 3), memory(['h3'], 1));
    expect(await store.room('r').load()).toMatchObject({ epoch: 'e3', changes: [] });
  });

  it('forgets rooms that nobody opened for a month', async () => {
    await put(row(bytes(1), 'e', 0));
    await store.sweep(20 * 24 * 3600 * 1000);
    expect(await store.roomAt('a.ipynb')).toBe('r');
    await store.sweep(40 * 24 * 3600 * 1000);
    expect(await store.room('r').load()).toBeNull();
  });

  it('keeps the servers of one origin apart', async () => {
    await put(row(bytes(1)));
    const other = await OfflineStore.open('/user/ben/', idb);
    expect(await other.room('r').load()).toBeNull();
  });
});

describe('the keeper', () => {
  const failed = vi.fn();

  function keeper(what: { now: Memory }, hasSnapshot = false): OfflineCopy {
    const keepable = {
      path: 'a.ipynb',
      epoch: 'e',
      get memory() {
        return what.now;
      },
      save: () => bytes(1)
    };
    return new OfflineCopy(store.room('r'), keepable, { hasSnapshot, failed });
  }

  it('writes a snapshot before the first change, and then appends', async () => {
    const kept = keeper({ now: memory(['h'], 1) });
    kept.keep(bytes(2));
    await kept.settled();
    expect(await store.room('r').load()).toMatchObject({ snapshot: bytes(1), changes: [] });
    kept.keep(bytes(3));
    kept.keep(bytes(4));
    await kept.settled();
    expect(await store.room('r').load()).toMatchObject({ changes: [bytes(3), bytes(4)] });
  });

  it('reports once that the store refuses to write', async () => {
    failed.mockClear();
    const kept = keeper({ now: memory(['h'], 1) });
    store.close();
    kept.keep(bytes(2));
    await kept.settled();
    kept.keep(bytes(3));
    await kept.settled();
    expect(failed).toHaveBeenCalledTimes(1);
  });

  it('compacts when the changes have grown', async () => {
    const kept = keeper({ now: memory([], 1) }, true);
    await put(row(bytes(0)));
    kept.keep(new Uint8Array(900_000));
    await kept.settled();
    expect((await store.room('r').load())?.changes).toHaveLength(1);
    kept.keep(new Uint8Array(900_000));
    await kept.settled();
    expect(await store.room('r').load()).toMatchObject({ snapshot: bytes(1), changes: [] });
  });

  it('drops the tickets that are needed no more', async () => {
    const what = { now: memory([], 1, 2) };
    const kept = keeper(what);
    kept.keepAll();
    await kept.settled();
    what.now = memory([], 3);
    kept.keepMemory();
    await kept.settled();
    expect((await store.room('r').load())?.memory.tickets).toEqual([ticket(3)]);
  });

  it('keeps refused work until it is dropped, and finds it by room or by path', async () => {
    const aside = (room: string, path: string): Parameters<OfflineStore['setAside']>[0] => ({
      room,
      path,
      data: bytes(7),
      reason: 'not allowed',
      at: 1
    });
    const mine = await store.setAside(aside('r', 'a.ipynb'));
    await store.setAside(aside('other', 'b.ipynb'));
    const moved = await store.setAside(aside('r', 'was-called-this.ipynb'));
    const reopened = await store.setAside(aside('another-id', 'a.ipynb'));
    expect(await store.asides('r', 'a.ipynb')).toEqual([mine, moved, reopened]);
    await store.dropAside(moved.key);
    expect(await store.asides('r', 'a.ipynb')).toEqual([mine, reopened]);
    expect(await store.asides('nobody', 'c.ipynb')).toEqual([]);
  });
});
