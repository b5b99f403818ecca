/**
 * What the server is known to hold of the notebook, and what it is not.
 *
 * Invariants:
 * 1. `shared` are heads of which the server holds every ancestor; their ancestors are all changes
 *    here but those that were made here and are not acknowledged.
 * 2. `unacked` are these, oldest first. Each builds on the one before, because a local change
 *    builds on everything that is here.
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
  /** Proofs for every actor prefix that an unacknowledged change may carry; the last is in use. */
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

  /** The chunks of what is not acknowledged, oldest first. */
  get own(): Bytes[] {
    return this.unacked.map(({ data }) => data);
  }

  /**
   * The server holds exactly what `heads` name: returns the chunks to be sent to it.
   *
   * To hold is not yet to keep: what was not acknowledged stays in doubt, and if the server lacks
   * nothing, the newest of it is sent once more, for the sake of its acknowledgement.
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
   * The notebook is about to be another one, which has these changes of the old in it, and all
   * before them: returns what was not acknowledged of the rest.
   */
  leave(had: Heads): Bytes[] {
    const newest = this.unacked.findLastIndex(({ start }) =>
      had.some(hash => start !== '' && hash.startsWith(start))
    );
    const own = this.own.slice(newest + 1);
    this.unacked = [];
    return own;
  }

  /** The notebook has these changes, made here; the server has not said that it will keep them. */
  doubt(chunks: Bytes[]): void {
    this.unacked = [...chunks.map(made), ...this.unacked];
  }

  /** A change was made here. */
  made(data: Bytes): void {
    this.unacked.push(made(data));
    this.used = true;
  }

  /** Changes came from the server and moved the heads from `before` to `after`. */
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
      // Others have built on what was made here, and the server names their changes.
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
