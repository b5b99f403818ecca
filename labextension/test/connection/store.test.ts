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

describe('the offline store', () => {
  it('has no entry for an unknown room', async () => {
    expect(await store.room('r').load()).toBeNull();
    expect(await store.roomAt('a.ipynb')).toBeNull();
  });

  it('returns the snapshot, the changes after it and the memory of the peer', async () => {
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

  it('replaces the changes of one tab with its snapshot and keeps those of another tab', async () => {
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

  it('ignores changes of another epoch', async () => {
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

  it('returns the changes of another tab in the former epoch to the next tab', async () => {
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

  it('returns the snapshot of another tab in the former epoch to the next tab', async () => {
    await put(row(bytes(1), 'e1'));
    const open = store.room('r');
    await open.load();
    await store.room('r').replace(row(bytes(5), 'e1', 2), memory(['h1'], 1));
    await open.replace(row(bytes(2), 'e2', 3), memory(['h2'], 2));
    expect(await store.room('r').load()).toMatchObject({ epoch: 'e1', snapshot: bytes(5) });
  });

  it('keeps nothing of a former epoch if only one tab is open', async () => {
    await put(row(bytes(1), 'e1'));
    const alone = store.room('r');
    await alone.load();
    await alone.append('e1', [bytes(7)], memory(['h1'], 1));
    await alone.replace(row(bytes(2), 'e2', 2), memory(['h2'], 1));
    await alone.replace(row(bytes(3), 'e3', 3), memory(['h3'], 1));
    expect(await store.room('r').load()).toMatchObject({ epoch: 'e3', changes: [] });
  });

  it('deletes rooms that were not opened for a month', async () => {
    await put(row(bytes(1), 'e', 0));
    await store.sweep(20 * 24 * 3600 * 1000);
    expect(await store.roomAt('a.ipynb')).toBe('r');
    await store.sweep(40 * 24 * 3600 * 1000);
    expect(await store.room('r').load()).toBeNull();
  });

  it('separates the servers of one origin', async () => {
    await put(row(bytes(1)));
    const other = await OfflineStore.open('/user/ben/', idb);
    expect(await other.room('r').load()).toBeNull();
  });
});

describe('the offline copy of a room', () => {
  const failed = vi.fn();

  function offlineCopy(what: { now: Memory }, hasSnapshot = false): OfflineCopy {
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

  it('stores a snapshot at the first change and appends later changes', async () => {
    const copy = offlineCopy({ now: memory(['h'], 1) });
    copy.keep(bytes(2));
    await copy.settled();
    expect(await store.room('r').load()).toMatchObject({ snapshot: bytes(1), changes: [] });
    copy.keep(bytes(3));
    copy.keep(bytes(4));
    await copy.settled();
    expect(await store.room('r').load()).toMatchObject({ changes: [bytes(3), bytes(4)] });
  });

  it('reports a failing store once', async () => {
    failed.mockClear();
    const copy = offlineCopy({ now: memory(['h'], 1) });
    store.close();
    copy.keep(bytes(2));
    await copy.settled();
    copy.keep(bytes(3));
    await copy.settled();
    expect(failed).toHaveBeenCalledTimes(1);
  });

  it('becomes one snapshot when its changes grow large', async () => {
    const copy = offlineCopy({ now: memory([], 1) }, true);
    await put(row(bytes(0)));
    copy.keep(new Uint8Array(900_000));
    await copy.settled();
    expect((await store.room('r').load())?.changes).toHaveLength(1);
    copy.keep(new Uint8Array(900_000));
    await copy.settled();
    expect(await store.room('r').load()).toMatchObject({ snapshot: bytes(1), changes: [] });
  });

  it('drops the tickets that the peer no longer needs', async () => {
    const what = { now: memory([], 1, 2) };
    const copy = offlineCopy(what);
    copy.keepAll();
    await copy.settled();
    what.now = memory([], 3);
    copy.keepMemory();
    await copy.settled();
    expect((await store.room('r').load())?.memory.tickets).toEqual([ticket(3)]);
  });

  it('the store keeps refused edits until they are dropped, and finds them by room or by path', async () => {
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
    expect(await store.asides('unknown', 'c.ipynb')).toEqual([]);
  });
});
