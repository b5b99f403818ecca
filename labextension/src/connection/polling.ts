/**
 * Carries frames over plain HTTP if a proxy lets no WebSocket through ("long polling").
 *
 * One request sends frames, another waits for new ones. Frames are numbered in each direction; the
 * client repeats a request without an answer, and the server ignores frames that it already has.
 */
import { pack, unpack } from '../protocol/batches';
import type { Bytes } from '../protocol/frames';
import type { Api } from './api';
import { ApiError } from './api';
import type { Transport, TransportEvents } from './transport';

/** The connection ends after this number of failures of one request. */
const TRIES = 6;
const FIRST_PAUSE_MS = 200;
/** One request carries at most about this number of bytes, or one frame. */
const BATCH_BYTES = 1 << 20;
const LOST = 1006;

export class Polling implements Transport {
  private path: string | null = null;
  private unsent: Bytes[] = [];
  /** The number of the last frame that the server has. */
  private sent = 0;
  private sending = false;
  private over = false;
  private readonly abort = new AbortController();

  constructor(
    private readonly api: Api,
    room: string,
    private readonly events: TransportEvents
  ) {
    globalThis.addEventListener('pagehide', this.leave);
    void this.live(room);
  }

  send(data: Uint8Array): void {
    if (!this.over && this.path !== null) {
      this.unsent.push(data.slice());
      void this.flush();
    }
  }

  close(): void {
    this.end();
    this.leave();
    this.abort.abort();
  }

  private async live(room: string): Promise<void> {
    try {
      this.path = await this.api.openPolling(room);
      if (this.over) {
        this.leave();
        return;
      }
      this.events.opened();
      await this.ask(this.path);
    } catch (error) {
      this.fail(error);
    }
  }

  private async ask(path: string): Promise<void> {
    const { signal } = this.abort;
    let number = 0;
    while (!signal.aborted) {
      const after = number;
      const frames = await this.again(async () =>
        unpack(await this.api.frames('GET', `${path}?after=${after}`, signal))
      );
      for (const frame of frames) {
        number += 1;
        if (!this.over) {
          this.events.received(frame);
        }
      }
    }
  }

  private async flush(): Promise<void> {
    if (this.sending) {
      return;
    }
    this.sending = true;
    try {
      // Frames of one turn of the page leave together.
      await Promise.resolve();
      while (this.unsent.length > 0 && !this.over) {
        await this.again(async () => {
          await this.sendSome();
        });
      }
    } catch (error) {
      this.fail(error);
    } finally {
      this.sending = false;
    }
  }

  private async sendSome(): Promise<void> {
    let [count, bytes] = [0, 0];
    for (const frame of this.unsent) {
      if (count > 0 && bytes + frame.length > BATCH_BYTES) {
        break;
      }
      count += 1;
      bytes += frame.length;
    }
    const { signal } = this.abort;
    const where = `${this.path ?? ''}?first=${this.sent + 1}`;
    await this.api.frames('POST', where, signal, pack(this.unsent.slice(0, count)));
    this.unsent.splice(0, count);
    this.sent += count;
  }

  private async again<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await request();
      } catch (error) {
        const certain = error instanceof ApiError && error.own && error.status < 500;
        if (certain || this.over || attempt + 1 >= TRIES) {
          throw error;
        }
      }
      const pause = FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random() / 2);
      await new Promise(resolve => setTimeout(resolve, pause));
    }
  }

  private fail(error: unknown): void {
    if (!this.over) {
      this.end();
      this.abort.abort();
      const code = error instanceof ApiError ? error.close : null;
      this.events.lost(code ?? LOST, error instanceof Error ? error.message : '');
    }
  }

  private end(): void {
    this.over = true;
    globalThis.removeEventListener('pagehide', this.leave);
  }

  /** Informs the server at once; otherwise the server notices the end after a while. */
  private readonly leave = (): void => {
    if (this.path !== null) {
      this.api.closePolling(this.path);
    }
  };
}
