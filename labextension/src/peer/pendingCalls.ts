/**
 * The calls without an answer yet.
 *
 * A call that was sent before the connection broke may or may not have been carried out: it fails,
 * unless its caller declared that repeating it has no further effect.
 */
import type { Call, CallError, Heads } from '../protocol/frames';

export interface CallRequest {
  id: number;
  name: string;
  args: Record<string, unknown>;
  heads: Heads;
  /** Whether the call may be sent again on the next connection. */
  repeat: boolean;
}

/** Codes beside those of the protocol, for calls that got no answer. */
export const OFFLINE = 'offline';
export const LOST = 'connection-lost';

interface Pending {
  request: CallRequest;
  sent: boolean;
}

export class PendingCalls {
  private pending = new Map<number, Pending>();

  /** Returns whether the call was known; an answer to an unknown call has no effect. */
  settle(id: number): boolean {
    return this.pending.delete(id);
  }

  add(request: CallRequest): void {
    this.pending.set(request.id, { request, sent: false });
  }

  /** Returns the unsent calls in order, and marks them as sent. */
  take(): Call[] {
    const waiting = [...this.pending.values()].filter(entry => !entry.sent);
    return waiting.map(entry => {
      entry.sent = true;
      const { id, name, args, heads } = entry.request;
      return { kind: 'call', id, name, args, heads };
    });
  }

  /**
   * Drops the edits that calls wait for, because another history has replaced the notebook's. The
   * server has not carried out these calls, because it never had the edits.
   */
  move(isKnown: (heads: Heads) => boolean, heads: Heads): void {
    for (const entry of this.pending.values()) {
      if (!isKnown(entry.request.heads)) {
        entry.request = { ...entry.request, heads };
        entry.sent = false;
      }
    }
  }

  /**
   * Returns the ids of the calls that fail with the lost connection. The others wait for the next
   * one.
   */
  lose(): number[] {
    const failed: number[] = [];
    for (const [id, entry] of this.pending) {
      if (entry.sent && !entry.request.repeat) {
        this.pending.delete(id);
        failed.push(id);
      }
      entry.sent = false;
    }
    return failed;
  }

  /** Returns all waiting calls, because no answer will come any more. */
  clear(): number[] {
    const ids = [...this.pending.keys()];
    this.pending.clear();
    return ids;
  }
}

export function offline(): CallError {
  return { code: OFFLINE, message: 'There is no connection to the server' };
}

export function lost(): CallError {
  return { code: LOST, message: 'The connection broke before the server answered' };
}
