/**
 * Keeps a room's notebook in the browser's store as it changes.
 *
 * Changes that come during a write wait for the next write, so typing never waits and a burst is
 * one transaction. A snapshot is written before the first change, and again when the changes since
 * the last snapshot have grown.
 */
import type { Memory } from '../peer/effects';
import type { Bytes, Ticket } from '../protocol/frames';
import { hex } from '../protocol/chunks';
import type { StoredRoom } from './offlineStore';

const SNAPSHOT_CHANGES = 500;
const SNAPSHOT_BYTES = 1 << 20;

/** The present state, to be stored. */
export interface CopySource {
  readonly path: string;
  readonly epoch: string | null;
  readonly memory: Memory;
  save: () => Bytes;
}

export interface OfflineCopyOptions {
  /** Whether the store holds this document already. */
  hasSnapshot: boolean;
  /** Called once when the store refuses a write, because nothing is stored from then on. */
  failed: () => void;
}

export class OfflineCopy {
  private changes: Bytes[] = [];
  private whole: boolean;
  private dirty = false;
  private writing: Promise<void> | null = null;
  private sinceSnapshot = { count: 0, bytes: 0 };
  private tickets: readonly Ticket[] = [];
  private broken = false;

  constructor(
    private readonly room: StoredRoom,
    private readonly what: CopySource,
    private readonly options: OfflineCopyOptions
  ) {
    this.whole = !options.hasSnapshot;
    this.tickets = what.memory.tickets;
  }

  keep(change: Bytes): void {
    this.changes.push(change);
    this.schedule();
  }

  /** Replaces the stored document, because the changes of the former document no longer count. */
  keepAll(): void {
    this.whole = true;
    this.schedule();
  }

  keepMemory(): void {
    this.schedule();
  }

  /** Resolves when all earlier changes are written, or cannot be written. */
  async settled(): Promise<void> {
    while (this.writing !== null) {
      await this.writing;
    }
  }

  private schedule(): void {
    if (this.broken || this.what.epoch === null) {
      return;
    }
    this.dirty = true;
    this.writing ??= this.write().finally(() => {
      this.writing = null;
    });
  }

  private async write(): Promise<void> {
    // The write waits for a later turn than the key press, and takes a whole burst at once.
    await Promise.resolve();
    while (this.dirty && !this.broken) {
      this.dirty = false;
      try {
        await this.writeOnce();
      } catch (error) {
        this.broken = true;
        console.warn('Edits made without a server are not kept across a reload:', error);
        this.options.failed();
      }
    }
  }

  private async writeOnce(): Promise<void> {
    const { epoch, memory, path } = this.what;
    if (epoch === null) {
      return;
    }
    const { changes } = this;
    this.changes = [];
    this.sinceSnapshot.count += changes.length;
    this.sinceSnapshot.bytes += changes.reduce((sum, change) => sum + change.length, 0);
    const { count, bytes } = this.sinceSnapshot;
    if (this.whole || count > SNAPSHOT_CHANGES || bytes > SNAPSHOT_BYTES) {
      this.whole = false;
      this.sinceSnapshot = { count: 0, bytes: 0 };
      const snapshot = this.what.save();
      await this.room.replace({ path, epoch, snapshot, used: Date.now() }, memory);
    } else {
      await this.room.append(epoch, changes, memory);
    }
    await this.dropTickets(memory.tickets);
  }

  private async dropTickets(now: readonly Ticket[]): Promise<void> {
    const needed = new Set(now.map(ticket => hex(ticket.prefix)));
    const gone = this.tickets.filter(ticket => !needed.has(hex(ticket.prefix)));
    this.tickets = now;
    if (gone.length > 0) {
      await this.room.dropTickets(gone);
    }
  }
}
