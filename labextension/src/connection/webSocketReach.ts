/** Whether WebSockets reach the server from this page: what one notebook learns holds for all. */

/** So many handshakes fail, while plain HTTP is answered, before plain HTTP is used. */
const TRIES = 3;
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 900_000;

export class WebSocketReach {
  private failed = 0;
  private retryMs = FIRST_RETRY_MS;

  /** Whether WebSockets are held to be blocked. */
  get blocked(): boolean {
    return this.failed >= TRIES;
  }

  /** A handshake failed, or a socket carried nothing, although plain HTTP was answered. */
  failure(): void {
    this.failed += 1;
  }

  /** A frame came by a WebSocket. */
  success(): void {
    this.failed = 0;
    this.retryMs = FIRST_RETRY_MS;
  }

  /** A handshake succeeded again: one more failure ends the trust in it. */
  hope(): void {
    this.failed = Math.min(this.failed, TRIES - 1);
  }

  /** How long to wait before a WebSocket is tried again; longer each time. */
  nextRetryMs(): number {
    const { retryMs } = this;
    this.retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
    return retryMs;
  }
}
