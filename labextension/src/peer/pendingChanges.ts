/**
 * The notebook changes that the server is known to hold, and the pending ones.
 *
 * Invariants:
 * 1. The server holds every ancestor of the heads `shared`; their ancestors are all changes here
 *    except the local changes without acknowledgement.
 * 2. `unacked` are these local changes, oldest first. Each builds on the one before, because a
 *    local change builds on everything that is here.
 */
import type { Replica } from '../document/replica';
import { hashStart, hex } from '../protocol/chunks';
import type { Bytes, Heads, Ticket } from '../protocol/frames';
import type { Memory } from './effects';

interface Own {
  /** First hex digits of the change's hash. */
  start: string;
  data: Bytes;
}

export class PendingChanges {
  shared: Heads;
  /** Proofs for every actor prefix of an unacknowledged change; the last is in use. */
  tickets: Ticket[];
  private unacked: Own[] = [];
  /** Whether a change was made under the ticket in use. */
  private used: boolean;

  constructor(
    private readonly replica: Replica,
    memory: Memory
  ) {
    this.shared = memory.shared;
    this.tickets = memory.tickets;
    if (replica.epoch('notebook') !== null) {
      this.recount(memory.shared);
    }
    this.used = this.unacked.length > 0;
  }

  get count(): number {
    return this.unacked.length;
  }

  /** The chunks of the unacknowledged changes, oldest first. */
  get own(): Bytes[] {
    return this.unacked.map(({ data }) => data);
  }

  /**
   * Records that the server holds exactly `heads`, and returns the chunks to send.
   *
   * Holding is not yet storing: unacknowledged changes stay in doubt. If the server lacks nothing,
   * the newest of them is sent once more, because the server acknowledges it then.
   */
  recount(heads: Heads): Bytes[] {
    const missing = this.replica.changesSince(heads).map(made);
    const starts = new Set(missing.map(({ start }) => start));
    this.unacked = [...this.unacked.filter(({ start }) => !starts.has(start)), ...missing];
    this.shared = heads;
    this.settle();
    return (missing.length > 0 ? missing : this.unacked.slice(-1)).map(({ data }) => data);
  }

  /**
   * Prepares for another notebook that contains these changes of the old one and all their
   * ancestors; returns the other unacknowledged changes.
   */
  leave(had: Heads): Bytes[] {
    const newest = this.unacked.findLastIndex(({ start }) =>
      had.some(hash => start !== '' && hash.startsWith(start))
    );
    const own = this.own.slice(newest + 1);
    this.unacked = [];
    return own;
  }

  /** Records local changes that the notebook contains and that the server has not acknowledged. */
  doubt(chunks: Bytes[]): void {
    this.unacked = [...chunks.map(made), ...this.unacked];
  }

  /** Records a local change. */
  made(data: Bytes): void {
    this.unacked.push(made(data));
    this.used = true;
  }

  /** Records changes of the server that moved the heads from `before` to `after`. */
  received(before: Heads, after: Heads): void {
    const came = after.filter(head => !before.includes(head) && !this.isOwn(head));
    this.shared = [...this.shared, ...came];
    this.settle();
  }

  acknowledged(heads: Heads): void {
    const newest = this.unacked.findLastIndex(({ start }) =>
      heads.some(head => head.startsWith(start))
    );
    if (newest >= 0) {
      this.shared = [...this.shared, ...heads.filter(head => this.isOwn(head))];
      this.unacked = this.unacked.slice(newest + 1);
    } else {
      // Others have built on local changes, and the server names their changes.
      const missing = new Set(this.replica.changesSince(heads).map(hashStart));
      this.unacked = this.unacked.filter(({ start }) => missing.has(start));
    }
    this.settle();
  }

  takeTicket(ticket: Ticket): void {
    const given = hex(ticket.prefix);
    const again = this.tickets.some(other => hex(other.prefix) === given);
    const needed = this.used || again ? this.tickets : this.tickets.slice(0, -1);
    const others = this.count > 0 ? needed.filter(other => hex(other.prefix) !== given) : [];
    this.tickets = [...others, ticket];
    this.used = this.used && again;
  }

  private isOwn(head: string): boolean {
    return this.unacked.some(({ start }) => start !== '' && head.startsWith(start));
  }

  private settle(): void {
    if (this.unacked.length === 0) {
      this.shared = this.replica.heads('notebook');
      this.tickets = this.tickets.slice(-1);
      this.used = false;
    }
  }
}

function made(data: Bytes): Own {
  return { start: hashStart(data), data };
}
