/** Whether WebSockets reach the server from this page. All notebooks share the knowledge. */

/** Plain HTTP is used after this number of failed handshakes while plain HTTP is answered. */
const TRIES = 3;
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 900_000;

export class WebSocketReach {
  private failed = 0;
  private retryMs = FIRST_RETRY_MS;

  /** Whether WebSockets seem to be blocked. */
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

  /**
   * Records a successful handshake after failures: one more failure marks WebSockets as blocked.
   */
  hope(): void {
    this.failed = Math.min(this.failed, TRIES - 1);
  }

  /** Returns the wait before the next attempt with a WebSocket; it grows each time. */
  nextRetryMs(): number {
    const { retryMs } = this;
    this.retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
    return retryMs;
  }
}
