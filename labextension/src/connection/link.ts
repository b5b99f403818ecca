/**
 * A WebSocket that comes back: it opens, is lost, waits longer each time, and
 * opens again. It knows bytes and close codes, not what they mean.
 */
export interface LinkOptions {
  /** Where to connect to. What it throws goes to `failed`. */
  target: () => Promise<string>;
  WebSocket: typeof WebSocket;
  opened: () => void;
  received: (data: Uint8Array) => void;
  /** `wasOpen`: whether the handshake had succeeded. */
  lost: (code: number, reason: string, wasOpen: boolean) => void;
  failed: (error: unknown) => void;
  random?: () => number;
}

const FIRST_MS = 250;
const LONGEST_MS = 30_000;

/** Half to the whole of a wait that doubles, so that clients do not all come at once. */
export function backoffMs(attempt: number, random: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt) * (0.5 + random / 2);
}

export class Link {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private attempt = 0;
  /** Counts connections: what an earlier one still says is not heard. */
  private turn = 0;
  private disposed = false;

  constructor(private readonly options: LinkOptions) {
    globalThis.addEventListener('online', this.wake);
    globalThis.addEventListener('offline', this.drop);
    globalThis.document.addEventListener('visibilitychange', this.wake);
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
      url => {
        if (turn === this.turn && !this.disposed) {
          this.open(url, turn);
        }
      },
      (error: unknown) => {
        if (turn === this.turn && !this.disposed) {
          this.options.failed(error);
        }
      }
    );
  }

  /** Connects after a while, longer each time until `settle`. */
  retry(): void {
    this.stop();
    const wait = backoffMs(this.attempt++, (this.options.random ?? Math.random)());
    this.timer = setTimeout(() => {
      this.connect();
    }, wait);
  }

  /** The connection has proved good: the next loss starts with the shortest wait. */
  settle(): void {
    this.attempt = 0;
  }

  send(data: Uint8Array): void {
    if (this.socket?.readyState === this.options.WebSocket.OPEN) {
      this.socket.send(data);
    }
  }

  hangup(code: number, reason: string): void {
    const wasOpen = this.socket !== null;
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

  private open(url: string, turn: number): void {
    const socket = new this.options.WebSocket(url);
    let wasOpen = false;
    socket.binaryType = 'arraybuffer';
    socket.onopen = (): void => {
      wasOpen = true;
      this.options.opened();
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>): void => {
      const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array();
      this.options.received(bytes);
    };
    socket.onclose = ({ code, reason }): void => {
      if (turn === this.turn) {
        this.socket = null;
        this.options.lost(code, reason, wasOpen);
      }
    };
    this.socket = socket;
  }

  private forget(code: number, reason: string): void {
    const { socket } = this;
    this.socket = null;
    this.turn += 1;
    if (socket !== null) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close(code, reason);
    }
  }

  private stop(): void {
    if (this.timer !== null) {
      clearTimeout(this.timer);
      this.timer = null;
    }
  }
}
