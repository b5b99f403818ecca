// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { backoffMs, ReconnectingSocket } from '../../src/connection/reconnectingSocket';
import type { Target } from '../../src/connection/reconnectingSocket';
import { WebSocketReach } from '../../src/connection/webSocketReach';
import type { Transport, TransportEvents } from '../../src/connection/transport';
import { openSocket } from '../../src/connection/transport';
import { FakeSocket } from './sockets';

let log: string[];
let link: ReconnectingSocket;
let target: () => Promise<Target>;
let reach: WebSocketReach;
let polls: { events: TransportEvents; closed: boolean }[];

function poll(_room: string, events: TransportEvents): Transport {
  const opened = { events, closed: false };
  polls.push(opened);
  return {
    send: data => log.push(`polled ${data.length}`),
    close: () => {
      opened.closed = true;
    }
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  log = [];
  target = () => Promise.resolve({ room: 'x', answered: true });
  reach = new WebSocketReach();
  polls = [];
  link = new ReconnectingSocket({
    target: () => target(),
    socket: (room, events) =>
      openSocket(FakeSocket as unknown as typeof WebSocket, `ws://${room}`, events),
    polling: poll,
    reach,
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

describe('the delay before a reconnection', () => {
  it('doubles up to a ceiling and varies by half', () => {
    expect([0, 1, 2].map(n => backoffMs(n, 1))).toEqual([250, 500, 1000]);
    expect(backoffMs(40, 1)).toBe(30_000);
    expect(backoffMs(2, 0)).toBe(500);
  });
});

describe('a reconnecting socket', () => {
  it('opens, passes on received data and sends', async () => {
    link.connect();
    const socket = await connected();
    socket.get(new Uint8Array([1, 2]));
    link.send(new Uint8Array([3]));
    expect(log).toEqual(['opened', 'received 2']);
    expect(socket.sent).toHaveLength(1);
  });

  it('reconnects with a growing delay, which a success resets', async () => {
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
    FakeSocket.last().get(new Uint8Array([1]));
    link.settle();
    FakeSocket.last().shut(1006);
    await vi.advanceTimersByTimeAsync(250);
    expect(FakeSocket.all).toHaveLength(4);
  });

  it('reconnects without a delay when the browser goes online', async () => {
    link.connect();
    (await connected()).shut(1006);
    globalThis.dispatchEvent(new Event('online'));
    await vi.advanceTimersByTimeAsync(0);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('drops its connection at once when the browser goes offline', async () => {
    link.connect();
    await connected();
    globalThis.dispatchEvent(new Event('offline'));
    expect(log).toEqual(['opened', 'lost 4000 after open']);
  });

  it('reports a failure if it cannot get its target', async () => {
    target = () => Promise.reject(new Error('no server'));
    link.connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toEqual(['failed']);
  });

  it('ignores events of a connection that it has replaced', async () => {
    link.connect();
    const first = await connected();
    link.connect();
    await vi.advanceTimersByTimeAsync(0);
    first.get(new Uint8Array([1]));
    first.shut(1006);
    expect(log).toEqual(['opened']);
  });

  it('neither reconnects nor reports after it is disposed', async () => {
    link.connect();
    const socket = await connected();
    link.dispose();
    socket.shut(1006);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    expect(log).toEqual(['opened']);
  });
});

/** Fails handshakes until the socket uses plain HTTP. */
async function blockWebSockets(): Promise<TransportEvents> {
  link.connect();
  for (let count = 1; count <= 3; count += 1) {
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.last().shut(1006);
  }
  await vi.advanceTimersByTimeAsync(1000);
  const events = polls.at(-1)?.events;
  if (events === undefined) {
    throw new Error('no plain HTTP');
  }
  return events;
}

describe('a reconnecting socket whose WebSockets are blocked', () => {
  it('uses plain HTTP after three failed WebSocket handshakes', async () => {
    const events = await blockWebSockets();
    expect(FakeSocket.all).toHaveLength(3);
    events.opened();
    expect(link.transport).toBeNull();
    events.received(new Uint8Array([1]));
    expect(link.transport).toBe('http');
    link.send(new Uint8Array([1, 2]));
    expect(log.slice(-3)).toEqual(['opened', 'received 1', 'polled 2']);
  });

  it('does not use plain HTTP while HTTP requests are not answered either', async () => {
    target = () => Promise.resolve({ room: 'x', answered: false });
    link.connect();
    for (let count = 1; count <= 5; count += 1) {
      await vi.advanceTimersByTimeAsync(10_000);
      FakeSocket.last().shut(1006);
    }
    expect(polls).toEqual([]);
  });

  it('treats a socket that opens but receives no data as blocked', async () => {
    link.connect();
    for (let count = 1; count <= 3; count += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      FakeSocket.last().open();
      await vi.advanceTimersByTimeAsync(20_000);
    }
    await vi.advanceTimersByTimeAsync(1000);
    expect(polls).toHaveLength(1);
  });

  it('treats a handshake without an answer as failed after 15 seconds', async () => {
    link.connect();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(log).toEqual(['lost 1006 before open']);
  });

  it('does not treat a socket that the room closes as blocked', async () => {
    link.connect();
    for (let count = 1; count <= 5; count += 1) {
      await vi.advanceTimersByTimeAsync(10_000);
      FakeSocket.last().open();
      FakeSocket.last().shut(4404);
    }
    expect(polls).toEqual([]);
  });

  it('tries WebSockets periodically and returns to them', async () => {
    const events = await blockWebSockets();
    events.opened();
    events.received(new Uint8Array([1]));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all).toHaveLength(4);
    FakeSocket.last().shut(1006);
    expect(polls[0]?.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(120_000);
    FakeSocket.last().open();
    expect(polls[0]?.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.last().open();
    FakeSocket.last().get(new Uint8Array([1]));
    expect(link.transport).toBe('websocket');
    expect(reach.blocked).toBe(false);
  });

  it('records the block for the other sockets of the page', async () => {
    await blockWebSockets();
    expect(reach.blocked).toBe(true);
  });
});
