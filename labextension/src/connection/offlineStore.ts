/**
 * Stores a browser's rooms, so that a reload without a server loses nothing: the notebook's bytes,
 * its epoch, the changes that the server is known to hold, and tickets. Outputs are not stored
 * because the server has them.
 *
 * Changes are appended as they come; from time to time a snapshot replaces them. Several tabs may
 * have the same room open: a snapshot removes only the changes that its writer knew, and changes of
 * another epoch do not count. When a tab moves to another epoch, the changes that a closed tab left
 * on the former document stay beside the new document, and the next tab that opens the room begins
 * with them.
 */
import type { Memory } from '../peer/effects';
import type { Bytes, Heads, Ticket } from '../protocol/frames';
import { hex } from '../protocol/chunks';

const VERSION = 1;
const KEPT_MS = 30 * 24 * 3600 * 1000;
/** Separates a room from the epoch of a former document; no room has this string in its name. */
const BESIDE = '\n';
/** The path of a former document. */
const NOWHERE = '';

export interface StoredNotebook {
  epoch: string;
  snapshot: Bytes;
  changes: Bytes[];
  memory: Memory;
}

interface RoomRow {
  room: string;
  path: string;
  epoch: string;
  snapshot: Bytes;
  shared: Heads;
  /** Milliseconds since the epoch. */
  used: number;
}

interface ChangeRow {
  room: string;
  epoch: string;
  data: Bytes;
}

interface TicketRow extends Ticket {
  room: string;
  key: string;
}

export interface RefusedEditsRow {
  room: string;
  path: string;
  data: Bytes;
  reason: string;
  at: number;
}

/** Refused edits that this browser keeps; `key` names them. */
export interface RefusedEditsRecord extends RefusedEditsRow {
  key: IDBValidKey;
}

export class OfflineStore {
  private constructor(private readonly db: IDBDatabase) {}

  /** `baseUrl` separates the servers of one origin. Rejects if the browser has no IndexedDB. */
  static async open(baseUrl: string, idb: IDBFactory = indexedDB): Promise<OfflineStore> {
    const request = idb.open(`jupyter-runtimed:${baseUrl}`, VERSION);
    request.onupgradeneeded = (): void => {
      const db = request.result;
      db.createObjectStore('rooms', { keyPath: 'room' }).createIndex('path', 'path');
      db.createObjectStore('changes', { autoIncrement: true }).createIndex('room', 'room');
      db.createObjectStore('tickets', { keyPath: ['room', 'key'] }).createIndex('room', 'room');
      db.createObjectStore('aside', { autoIncrement: true });
    };
    return new OfflineStore(await done(request));
  }

  close(): void {
    this.db.close();
  }

  room(room: string): StoredRoom {
    return new StoredRoom(this.db, room);
  }

  /** Returns the room that was last open at a path, for use when the server cannot be asked. */
  async roomAt(path: string): Promise<string | null> {
    const rows = this.db.transaction('rooms').objectStore('rooms').index('path');
    const found = (await done(rows.getAll(path))) as RoomRow[];
    const newest = found.sort((one, other) => other.used - one.used)[0];
    return newest?.room ?? null;
  }

  async setAside(row: RefusedEditsRow): Promise<RefusedEditsRecord> {
    const rows = this.db.transaction('aside', 'readwrite').objectStore('aside');
    return { ...row, key: await done(rows.add(row)) };
  }

  /** Returns the refused edits of a notebook, oldest first. */
  async asides(room: string, path: string): Promise<RefusedEditsRecord[]> {
    const rows = this.db.transaction('aside').objectStore('aside');
    const [keys, found] = await Promise.all([
      done(rows.getAllKeys()),
      done(rows.getAll() as IDBRequest<RefusedEditsRow[]>)
    ]);
    return found
      .map((row, i) => ({ ...row, key: keys[i] ?? 0 }))
      .filter(row => row.room === room || row.path === path);
  }

  async dropAside(key: IDBValidKey): Promise<void> {
    await done(this.db.transaction('aside', 'readwrite').objectStore('aside').delete(key));
  }

  /** Deletes rooms that were not opened for a month. */
  async sweep(now: number): Promise<void> {
    const rows = this.db.transaction('rooms').objectStore('rooms');
    for (const row of (await done(rows.getAll())) as RoomRow[]) {
      if (now - row.used > KEPT_MS) {
        await this.room(row.room).forget();
      }
    }
  }
}

export class StoredRoom {
  private known: IDBValidKey[] = [];
  /** The time of the snapshot that this tab has read or written last. */
  private seen = 0;
  /**
   * The key of the former document that this tab took over; the tab deletes it when its edits are
   * safe.
   */
  private former: string | null = null;

  constructor(
    private readonly db: IDBDatabase,
    private readonly id: string
  ) {}

  async load(): Promise<StoredNotebook | null> {
    const all = this.db.transaction(['rooms', 'changes', 'tickets']);
    const rooms = all.objectStore('rooms');
    const former = done(rooms.index('path').getAll(NOWHERE)) as Promise<RoomRow[]>;
    const row = done(rooms.get(this.id)) as Promise<RoomRow | undefined>;
    const index = all.objectStore('changes').index('room');
    const keys = done(index.getAllKeys(this.id));
    const changes = done(index.getAll(this.id)) as Promise<ChangeRow[]>;
    const tickets = done(all.objectStore('tickets').index('room').getAll(this.id));
    const [formers, newest, known, rows, proofs] = await Promise.all([
      former,
      row,
      keys,
      changes,
      tickets
    ]);
    const left = formers.find(one => one.room === `${this.id}${BESIDE}${one.epoch}`);
    const found = left ?? newest;
    if (found === undefined) {
      this.known = known;
      return null;
    }
    this.former = left?.room ?? null;
    this.seen = found.used;
    this.known = left ? known.filter((_, i) => rows[i]?.epoch === left.epoch) : known;
    return {
      epoch: found.epoch,
      snapshot: found.snapshot,
      changes: rows.filter(change => change.epoch === found.epoch).map(change => change.data),
      memory: {
        shared: found.shared,
        tickets: (proofs as TicketRow[]).map(({ prefix, proof }) => ({ prefix, proof }))
      }
    };
  }

  async append(epoch: string, changes: readonly Bytes[], memory: Memory): Promise<void> {
    const all = this.db.transaction(['rooms', 'changes', 'tickets'], 'readwrite');
    const store = all.objectStore('changes');
    const keys = changes.map(data => done(store.add({ room: this.id, epoch, data: own(data) })));
    const added = Promise.all(keys);
    const rooms = all.objectStore('rooms');
    const row = (await done(rooms.get(this.id))) as RoomRow | undefined;
    if (row?.epoch === epoch) {
      rooms.put({ ...row, shared: memory.shared });
    }
    this.putTickets(all, memory.tickets);
    await finished(all);
    this.known.push(...(await added));
  }

  async replace(row: Omit<RoomRow, 'room' | 'shared'>, memory: Memory): Promise<void> {
    const all = this.db.transaction(['rooms', 'changes', 'tickets'], 'readwrite');
    if (!(await this.keepsFormer(all, row.epoch))) {
      const changes = all.objectStore('changes');
      this.known.forEach(key => changes.delete(key));
    }
    const { snapshot, shared } = { snapshot: own(row.snapshot), shared: memory.shared };
    all.objectStore('rooms').put({ ...row, room: this.id, snapshot, shared });
    this.putTickets(all, memory.tickets);
    await finished(all);
    this.known = [];
    this.seen = row.used;
  }

  /**
   * Keeps the former document with all its changes before this tab moves to another epoch, if the
   * stored document has a change that this tab does not know.
   */
  private async keepsFormer(all: IDBTransaction, epoch: string): Promise<boolean> {
    const rooms = all.objectStore('rooms');
    if (this.former !== null) {
      rooms.delete(this.former);
      this.former = null;
      return false;
    }
    const changes = all.objectStore('changes').index('room');
    const [row, keys, kept] = await Promise.all([
      done(rooms.get(this.id)) as Promise<RoomRow | undefined>,
      done(changes.getAllKeys(this.id)),
      done(changes.getAll(this.id)) as Promise<ChangeRow[]>
    ]);
    if (row === undefined || row.epoch === epoch) {
      return false;
    }
    const known = new Set(this.known);
    const rest = kept.some(({ epoch: of }, i) => of === row.epoch && !known.has(keys[i] ?? 0));
    if (row.used === this.seen && !rest) {
      return false;
    }
    rooms.put({ ...row, room: `${this.id}${BESIDE}${row.epoch}`, path: NOWHERE });
    return true;
  }

  /** Removes tickets that this tab no longer needs; the tickets of other tabs stay. */
  async dropTickets(tickets: readonly Ticket[]): Promise<void> {
    const all = this.db.transaction('tickets', 'readwrite');
    tickets.forEach(ticket => all.objectStore('tickets').delete([this.id, hex(ticket.prefix)]));
    await finished(all);
  }

  async forget(): Promise<void> {
    const all = this.db.transaction(['rooms', 'changes', 'tickets'], 'readwrite');
    all.objectStore('rooms').delete(this.id);
    for (const name of ['changes', 'tickets']) {
      const store = all.objectStore(name);
      const keys = await done(store.index('room').getAllKeys(this.id));
      keys.forEach(key => store.delete(key));
    }
    await finished(all);
  }

  private putTickets(all: IDBTransaction, tickets: readonly Ticket[]): void {
    for (const { prefix, proof } of tickets) {
      const row = { room: this.id, key: hex(prefix), prefix: own(prefix), proof: own(proof) };
      all.objectStore('tickets').put(row);
    }
  }
}

/** Copies just these bytes, because a part of a frame would keep the whole frame in memory. */
function own(bytes: Bytes): Bytes {
  return bytes.slice();
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = (): void => {
      resolve(request.result);
    };
    request.onerror = (): void => {
      reject(request.error ?? new Error('IndexedDB failed'));
    };
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = (): void => {
      resolve();
    };
    transaction.onabort = transaction.onerror = (): void => {
      reject(transaction.error ?? new Error('IndexedDB failed'));
    };
  });
}
