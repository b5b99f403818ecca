// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Api } from '../../src/connection/api';
import { ApiError } from '../../src/connection/responses';
import { Polling } from '../../src/connection/polling';
import { pack, unpack } from '../../src/protocol/batches';

/** The server's end of a connection; `fate` loses requests and answers. */
class FakeServer {
  received: number[] = [];
  requests = 0;
  closed: string[] = [];
  /** Returns the part of a request that is lost: the request, its answer or none. */
  fate: () => 'request' | 'answer' | 'none' = () => 'none';
  private frames: Uint8Array[] = [];
  private taken = 0;
  private waiting: (() => void)[] = [];
  private end: ApiError | null = null;

  readonly api = {
    openPolling: () => Promise.resolve('rooms/r/polling/c'),
    closePolling: (path: string) => this.closed.push(path),
    frames: async (method: string, where: string, signal: AbortSignal, body?: Uint8Array) => {
      this.requests += 1;
      const fate = this.fate();
      if (fate === 'request') {
        throw new TypeError('Failed to fetch');
      }
      const number = Number(where.split('=')[1]);
      const answer = method === 'POST' ? this.take(number, body) : await this.wait(number, signal);
      if (fate === 'answer') {
        throw new TypeError('Failed to fetch');
      }
      return answer;
    }
  } as unknown as Api;

  say(byte: number): void {
    this.frames.push(new Uint8Array([byte]));
    this.wake();
  }

  shut(code: number): void {
    this.end = new ApiError(410, 'closed', { own: true, close: code });
    this.wake();
  }

  private wake(): void {
    this.waiting.splice(0).forEach(go => {
      go();
    });
  }

  private take(first: number, body?: Uint8Array): Uint8Array {
    unpack(body ?? new Uint8Array()).forEach((frame, index) => {
      if (first + index > this.taken) {
        this.taken = first + index;
        this.received.push(frame[0] ?? -1);
      }
    });
    return new Uint8Array();
  }

  private async wait(after: number, signal: AbortSignal): Promise<Uint8Array> {
    while (this.frames.length <= after && this.end === null && !signal.aborted) {
      await new Promise<void>(resolve => {
        this.waiting.push(resolve);
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
    }
    if (this.end !== null && this.frames.length <= after) {
      throw this.end;
    }
    return pack(this.frames.slice(after));
  }
}

let server: FakeServer;
let log: string[];
let heard: number[];
let polling: Polling;

beforeEach(async () => {
  vi.useFakeTimers();
  server = new FakeServer();
  log = [];
  heard = [];
  polling = new Polling(server.api, 'r', {
    opened: () => log.push('opened'),
    received: ([byte]) => heard.push(byte ?? -1),
    lost: code => log.push(`lost ${code}`)
  });
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  vi.restoreAllMocks();
  polling.close();
  vi.useRealTimers();
});

const COUNT = Array.from({ length: 50 }, (_, index) => index);

describe('frames over plain HTTP', () => {
  it('travel in both directions, and frames of one moment share a request', async () => {
    COUNT.forEach(byte => {
      polling.send(new Uint8Array([byte]));
      server.say(byte);
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(server.received).toEqual(COUNT);
    expect(heard).toEqual(COUNT);
    expect(server.requests).toBeLessThan(10);
  });

  it('arrive once and in order although requests and answers are lost', async () => {
    // The pauses before new tries are random; with some of them every second GET could fail.
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    let count = 0;
    server.fate = () => (['request', 'none', 'answer', 'none'] as const)[count++ % 4] ?? 'none';
    for (const byte of COUNT) {
      polling.send(new Uint8Array([byte]));
      server.say(byte);
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.received).toEqual(COUNT);
    expect(heard).toEqual(COUNT);
    expect(log).toEqual(['opened']);
  });

  it('end with the close code of the server', async () => {
    server.say(1);
    server.shut(4404);
    await vi.advanceTimersByTimeAsync(0);
    expect(heard).toEqual([1]);
    expect(log).toEqual(['opened', 'lost 4404']);
  });

  it('end with code 1006 after repeated failures', async () => {
    server.fate = () => 'request';
    polling.send(new Uint8Array([1]));
    await vi.advanceTimersByTimeAsync(30_000);
    expect(log).toEqual(['opened', 'lost 1006']);
  });

  it('are ignored after the client closes the connection with a request', async () => {
    polling.close();
    server.say(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(heard).toEqual([]);
    expect(log).toEqual(['opened']);
    expect(server.closed).toEqual(['rooms/r/polling/c']);
  });

  it('end with a close request when the user leaves the page', () => {
    globalThis.dispatchEvent(new Event('pagehide'));
    expect(server.closed).toHaveLength(1);
  });
});
