/**
 * The calls that wait for an answer.
 *
 * A call that was sent when the connection broke may or may not have happened:
 * it fails, unless its caller said that doing it twice is doing it once.
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

  /** Whether the call was known: an answer to anything else means nothing. */
  settle(id: number): boolean {
    return this.pending.delete(id);
  }

  add(request: CallRequest): void {
    this.pending.set(request.id, { request, sent: false });
  }

  /** What is still to be sent, first come first; from now on it counts as sent. */
  take(): Call[] {
    const waiting = [...this.pending.values()].filter(entry => !entry.sent);
    return waiting.map(entry => {
      entry.sent = true;
      const { id, name, args, heads } = entry.request;
      return { kind: 'call', id, name, args, heads };
    });
  }

  /**
   * Another history took the place of the notebook's: calls on edits that are in it no longer wait
   * for what these edits became. They have not happened, because the server never had the edits.
   */
  move(isKnown: (heads: Heads) => boolean, heads: Heads): void {
    for (const entry of this.pending.values()) {
      if (!isKnown(entry.request.heads)) {
        entry.request = { ...entry.request, heads };
        entry.sent = false;
      }
    }
  }

  /** The connection is gone: the ids that fail for it. The others wait for the next. */
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

  /** All that wait: nothing will ever be answered again. */
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
