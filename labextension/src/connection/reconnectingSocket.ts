/**
 * A connection that reconnects: it opens, is lost, waits longer each time, and opens again. It
 * knows bytes and close codes, but not their meaning. It uses a WebSocket, or plain HTTP if no
 * WebSocket passes.
 */
import type { WebSocketReach } from './webSocketReach';
import type { OpenTransport, Transport } from './transport';

export interface Target {
  room: string;
  /** Whether the server has just answered by plain HTTP. */
  answered: boolean;
}

export interface ReconnectingSocketOptions {
  /** Returns the address to connect to. Its exceptions go to `failed`. */
  target: () => Promise<Target>;
  socket: OpenTransport;
  polling: OpenTransport;
  reach: WebSocketReach;
  opened: () => void;
  received: (data: Uint8Array) => void;
  /** `wasOpen`: whether the handshake had succeeded. */
  lost: (code: number, reason: string, wasOpen: boolean) => void;
  failed: (error: unknown) => void;
  random?: () => number;
}

export type TransportName = 'websocket' | 'http';

const FIRST_MS = 250;
const LONGEST_MS = 30_000;
/** A new connection without any frame for this time carries nothing. */
const FIRST_FRAME_MS = 20_000;

/**
 * Waits between half and the whole of a doubling time, so that clients do not reconnect all at
 * once.
 */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt) * (0.5 + random / 2);
}

type Timer = ReturnType<typeof setTimeout>;

export class ReconnectingSocket {
  private current: Transport | null = null;
  private name: TransportName | null = null;
  private timer: Timer | null = null;
  private first: Timer | null = null;
  private better: Timer | null = null;
  private probe: Transport | null = null;
  /**
   * Whether the end of the present connection would be a sign of a proxy that blocks WebSockets.
   */
  private unproved = false;
  private attempt = 0;
  /** Counts connections, so that late events of an earlier connection are ignored. */
  private turn = 0;
  private disposed = false;

  constructor(private readonly options: ReconnectingSocketOptions) {
    globalThis.addEventListener('online', this.wake);
    globalThis.addEventListener('offline', this.drop);
    globalThis.document.addEventListener('visibilitychange', this.wake);
  }

  /** The transport of the frames; null without a connection, or before the first frame. */
  get transport(): TransportName | null {
    return this.first === null ? this.name : null;
  }

  dispose(): void {
    this.disposed = true;
    globalThis.removeEventListener('online', this.wake);
    globalThis.removeEventListener('offline', this.drop);
    globalThis.document.removeEventListener('visibilitychange', this.wake);
    this.stop();
    this.forget(1000, 'done');
  }

  connect(): void {
    this.stop();
    this.forget(1000, 'another connection');
    const turn = ++this.turn;
    this.options.target().then(
      target => {
        if (turn === this.turn && !this.disposed) {
          this.open(target, turn);
        }
      },
      (error: unknown) => {
        if (turn === this.turn && !this.disposed) {
          this.options.failed(error);
        }
      }
    );
  }

  /** Connects after a delay, which grows until `settle`. */
  retry(): void {
    this.stop();
    const wait = backoffMs(this.attempt++, (this.options.random ?? Math.random)());
    this.timer = setTimeout(() => {
      this.connect();
    }, wait);
  }

  /** Marks the connection as good: the next loss starts with the shortest wait. */
  settle(): void {
    this.attempt = 0;
  }

  send(data: Uint8Array): void {
    this.current?.send(data);
  }

  hangup(code: number, reason: string): void {
    const wasOpen = this.current !== null;
    this.forget(code, reason);
    if (wasOpen) {
      this.options.lost(code, reason, true);
    }
  }

  private readonly wake = (): void => {
    if (this.timer !== null && !globalThis.document.hidden) {
      this.connect();
    }
  };

  /** A browser that knows that it is offline may still take minutes to notice a dead socket. */
  private readonly drop = (): void => {
    this.hangup(4000, 'the browser is offline');
  };

  private open({ room, answered }: Target, turn: number): void {
    const { socket, polling, reach } = this.options;
    const name = reach.blocked ? 'http' : 'websocket';
    let wasOpen = false;
    this.first = setTimeout(() => {
      this.hangup(1000, 'nothing arrived');
    }, FIRST_FRAME_MS);
    this.unproved = name === 'websocket' && answered;
    const transport = (name === 'http' ? polling : socket)(room, {
      opened: () => {
        if (turn !== this.turn) {
          return;
        }
        wasOpen = true;
        if (name === 'http') {
          this.lookForBetter(room);
        }
        this.options.opened();
      },
      received: data => {
        if (turn === this.turn) {
          this.prove(name);
          this.options.received(data);
        }
      },
      lost: (code, reason) => {
        if (turn === this.turn) {
          this.over(code >= 4000);
          this.options.lost(code, reason, wasOpen);
        }
      }
    });
    this.current = transport;
    this.name = name;
  }

  private prove(name: TransportName): void {
    if (this.first === null) {
      return;
    }
    clearTimeout(this.first);
    this.first = null;
    this.unproved = false;
    if (name === 'websocket') {
      this.options.reach.success();
    }
  }

  /** Tries a WebSocket beside the connection that works. */
  private lookForBetter(room: string): void {
    this.better = setTimeout(() => {
      this.probe = this.options.socket(room, {
        opened: () => {
          this.probe?.close(1000, 'it passes');
          this.probe = null;
          this.options.reach.hope();
          this.settle();
          this.hangup(1000, 'a WebSocket passes');
        },
        received: () => undefined,
        lost: () => {
          this.probe = null;
          this.lookForBetter(room);
        }
      });
    }, this.options.reach.nextRetryMs());
  }

  private forget(code: number, reason: string): void {
    const { current } = this;
    this.turn += 1;
    // A connection that this page closed itself proves nothing, unless no frame ever arrived on it.
    this.over(reason !== 'nothing arrived');
    current?.close(code, reason);
  }

  private over(saysNothing: boolean): void {
    if (this.unproved && !saysNothing) {
      this.options.reach.failure();
    }
    this.unproved = false;
    this.current = null;
    this.name = null;
    this.probe?.close(1000, 'done');
    this.probe = null;
    for (const timer of [this.first, this.better]) {
      if (timer !== null) {
        clearTimeout(timer);
      }
    }
    this.first = null;
    this.better = null;
  }

  private stop(): void {
    if (this.timer !== null) {
      clearTimeout(this.timer);
      this.timer = null;
    }
  }
}
