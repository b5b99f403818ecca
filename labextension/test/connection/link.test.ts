// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { backoffMs, Link } from '../../src/connection/link';
import { FakeSocket } from './sockets';

let log: string[];
let link: Link;
let target: () => Promise<string>;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  log = [];
  target = () => Promise.resolve('ws://x');
  link = new Link({
    target: () => target(),
    WebSocket: FakeSocket as unknown as typeof WebSocket,
    opened: () => log.push('opened'),
    received: data => log.push(`received ${data.length}`),
    lost: (code, _, wasOpen) => {
      log.push(`lost ${code} ${wasOpen ? 'after' : 'before'} open`);
      link.retry();
    },
    failed: () => {
      log.push('failed');
      link.retry();
    },
    random: () => 1
  });
});

afterEach(() => {
  link.dispose();
  vi.useRealTimers();
});

async function connected(): Promise<FakeSocket> {
  await vi.advanceTimersByTimeAsync(0);
  const socket = FakeSocket.last();
  socket.open();
  return socket;
}

describe('the wait before another try', () => {
  it('doubles, has a ceiling, and varies by half', () => {
    expect([0, 1, 2].map(n => backoffMs(n, 1))).toEqual([250, 500, 1000]);
    expect(backoffMs(40, 1)).toBe(30_000);
    expect(backoffMs(2, 0)).toBe(500);
  });
});

describe('a link', () => {
  it('opens, hands on what comes, and sends', async () => {
    link.connect();
    const socket = await connected();
    socket.get(new Uint8Array([1, 2]));
    link.send(new Uint8Array([3]));
    expect(log).toEqual(['opened', 'received 2']);
    expect(socket.sent).toHaveLength(1);
  });

  it('comes back after a loss, later each time, and at once after success', async () => {
    link.connect();
    (await connected()).shut(1006);
    await vi.advanceTimersByTimeAsync(249);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    FakeSocket.last().shut(1006);
    await vi.advanceTimersByTimeAsync(499);
    expect(FakeSocket.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakeSocket.all).toHaveLength(3);
    expect(log).toEqual(['opened', 'lost 1006 after open', 'lost 1006 before open']);
    FakeSocket.last().open();
    link.settle();
    FakeSocket.last().shut(1006);
    await vi.advanceTimersByTimeAsync(250);
    expect(FakeSocket.all).toHaveLength(4);
  });

  it('does not wait when the network is back', async () => {
    link.connect();
    (await connected()).shut(1006);
    globalThis.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('lets go at once when the browser goes offline', async () => {
    link.connect();
    await connected();
    globalThis.dispatchEvent(new Event('offline'));
    expect(log).toEqual(['opened', 'lost 4000 after open']);
  });

  it('says when there is nowhere to connect to', async () => {
    target = () => Promise.reject(new Error('no server'));
    link.connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(['failed']);
  });

  it('hears nothing more of a connection that it has left', async () => {
    link.connect();
    const first = await connected();
    link.connect();
    await vi.advanceTimersByTimeAsync(0);
    first.get(new Uint8Array([1]));
    first.shut(1006);
    expect(log).toEqual(['opened']);
  });

  it('is silent after it was disposed', async () => {
    link.connect();
    const socket = await connected();
    link.dispose();
    socket.shut(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(log).toEqual(['opened']);
  });
});
