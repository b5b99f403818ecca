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
import { hashStart, hex } from './chunks';
import type { Bytes, Heads, Ticket } from './frames';
import type { Memory } from './effects';

export class Ledger {
  shared: Heads;
  /** Proofs for every actor prefix that an unacknowledged change may carry; the last is in use. */
  tickets: Ticket[];
  /** First hex digits of the hash of each unacknowledged change. */
  private unacked: string[] = [];
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

  /** The server holds exactly what `heads` name: returns the chunks that it does not hold. */
  recount(heads: Heads): Bytes[] {
    const missing = this.replica.changesSince(heads);
    this.unacked = missing.map(hashStart);
    this.shared = heads;
    this.settle();
    return missing;
  }

  /** A change was made here. */
  made(data: Bytes): void {
    this.unacked.push(hashStart(data));
    this.used = true;
  }

  /** Changes came from the server and moved the heads from `before` to `after`. */
  received(before: Heads, after: Heads): void {
    const came = after.filter(head => !before.includes(head) && !this.isOwn(head));
    this.shared = [...this.shared, ...came];
    this.settle();
  }

  acknowledged(heads: Heads): void {
    const newest = this.unacked.findLastIndex(own => heads.some(head => head.startsWith(own)));
    if (newest >= 0) {
      this.shared = [...this.shared, ...heads.filter(head => this.isOwn(head))];
      this.unacked = this.unacked.slice(newest + 1);
    } else {
      // Others have built on what was made here, and the server names their changes.
      const missing = new Set(this.replica.changesSince(heads).map(hashStart));
      this.unacked = this.unacked.filter(own => missing.has(own));
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
    return this.unacked.some(own => own !== '' && head.startsWith(own));
  }

  private settle(): void {
    if (this.unacked.length === 0) {
      this.shared = this.replica.heads('notebook');
      this.tickets = this.tickets.slice(-1);
      this.used = false;
    }
  }
}
