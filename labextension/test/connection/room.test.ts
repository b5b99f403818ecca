// @vitest-environment jsdom
import { ServerConnection } from '@jupyterlab/services';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Hindrance } from '../../src/connection/responses';
import { Api } from '../../src/connection/api';
import { RoomConnection } from '../../src/connection/roomConnection';
import { OfflineStore } from '../../src/connection/offlineStore';
import * as am from '../../src/document/automerge';
import { RoomDocuments } from '../../src/document/documents';
import { decode } from '../../src/protocol/decode';
import { encode } from '../../src/protocol/frames';
import type { Frame } from '../../src/protocol/frames';
import { Room } from '../protocol/room';
import type { Member } from '../protocol/room';
import { FakeSocket } from './sockets';

/** The answer of the server to `PUT rooms`; null stands for an unreachable server. */
let answer: { status: number; body: unknown; headers?: Record<string, string> } | null;
/** The start time that the server reports. */
let started: string;
let asked: { url: string; method: string; body: string }[];
let room: Room;
let idb: IDBFactory;
let open: RoomConnection[];

const FOUND = { status: 200, body: { room: 'r1', path: 'a.ipynb' } };

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  vi.stubGlobal('structuredClone', pageClone);
  FakeSocket.all = [];
  room = await Room.open();
  idb = new IDBFactory();
  answer = FOUND;
  asked = [];
  started = 'monday';
  open = [];
});

/** Clones values with the arrays of the page, because the arrays of Node are not its instances. */
function pageClone(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value as Uint8Array);
  }
  if (Array.isArray(value)) {
    return value.map(pageClone);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, pageClone(part)]));
  }
  return value;
}

afterEach(() => {
  open.forEach(connection => {
    connection.dispose();
  });
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function fetchRooms(input: RequestInfo | URL): Promise<Response> {
  const request = input as Request;
  if (answer !== null && request.url.includes('/api/status')) {
    return new Response(JSON.stringify({ started }), { status: 200 });
  }
  asked.push({ url: request.url, method: request.method, body: await request.text() });
  if (answer === null) {
    throw new TypeError('Failed to fetch');
  }
  const { status, body, headers = { 'X-Jupyter-Runtimed': '0' } } = answer;
  return new Response(JSON.stringify(body), { status, headers });
}

function settings(): ServerConnection.ISettings {
  return ServerConnection.makeSettings({
    baseUrl: 'http://localhost:8888/base/',
    wsUrl: 'ws://localhost:8888/base/',
    token: 'secret',
    appendToken: true,
    fetch: fetchRooms,
    WebSocket: FakeSocket as unknown as typeof WebSocket
  });
}

function connect(documents = new RoomDocuments()): RoomConnection & { documents: RoomDocuments } {
  const connection = new RoomConnection({
    path: 'a.ipynb',
    api: new Api(settings()),
    replica: documents,
    client: 'test',
    started: Promise.resolve(),
    store: OfflineStore.open('/base/', idb)
  });
  open.push(connection);
  return Object.assign(connection, { documents });
}

/** Waits until there are `count` sockets, and returns the newest. */
async function socket(count: number): Promise<FakeSocket> {
  await vi.waitFor(
    () => {
      expect(FakeSocket.all).toHaveLength(count);
    },
    { interval: 1 }
  );
  return FakeSocket.last();
}

/** Waits for a promise while time passes, because the fake IndexedDB needs timers. */
async function waitWhileTimePasses(promise: Promise<void>): Promise<void> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await vi.waitFor(
    () => {
      expect(done).toBe(true);
    },
    { interval: 1 }
  );
}

function join(found: FakeSocket): Member {
  const member: Member = {
    name: 'ana',
    get: (frame: Frame) => {
      found.get(encode(frame));
    }
  };
  found.peer = data => {
    room.receive(member, decode(data));
  };
  room.clients.push(member);
  found.open();
  return member;
}

function set(documents: RoomDocuments, key: string, value: string): void {
  documents.edit(draft => {
    draft.metadata[key] = am.str(value);
  });
}

async function isStored(): Promise<boolean> {
  const store = await OfflineStore.open('/base/', idb);
  const found = await store.room('r1').load();
  store.close();
  return found !== null && found.memory.shared.length > 0;
}

describe('the connection of a room', () => {
  it('requests the room of its path and connects with the token', async () => {
    const connection = connect();
    join(await socket(1));
    await connection.ready;
    expect(asked).toMatchObject([{ method: 'PUT', body: '{"path":"a.ipynb"}' }]);
    expect(asked.map(({ url }) => url.replace(/\?.*/, ''))).toEqual([
      'http://localhost:8888/base/api/runtimed/rooms'
    ]);
    expect(FakeSocket.last().url).toBe(
      'ws://localhost:8888/base/api/runtimed/rooms/r1/socket?token=secret'
    );
    expect(connection.status).toMatchObject({ phase: 'live', saved: true });
  });

  it('sends an edit and reports the number of pending changes', async () => {
    const connection = connect();
    join(await socket(1));
    await connection.ready;
    room.acking = false;
    const counts: number[] = [];
    connection.statusChanged.connect((_, { unacked }) => counts.push(unacked));
    set(connection.documents, 'a', '1');
    expect(room.metadata()).toEqual({ a: '1' });
    expect(counts).toEqual([1]);
  });

  it('reconnects to the room by its id and sends the edits from meanwhile', async () => {
    const connection = connect();
    const first = await socket(1);
    join(first);
    await connection.ready;
    first.shut(1006);
    set(connection.documents, 'a', '1');
    expect(connection.status).toMatchObject({ phase: 'connecting', unacked: 1 });
    await vi.advanceTimersByTimeAsync(1000);
    join(await socket(2));
    expect(asked).toHaveLength(1);
    expect(room.metadata()).toEqual({ a: '1' });
    expect(connection.status.unacked).toBe(0);
  });

  it('opens the room by its path again if the server has forgotten it', async () => {
    const connection = connect();
    const first = await socket(1);
    join(first);
    await connection.ready;
    first.shut(4404);
    await vi.advanceTimersByTimeAsync(1000);
    join(await socket(2));
    expect(asked).toHaveLength(2);
  });

  it('reports a restart of the server', async () => {
    const connection = connect();
    const first = await socket(1);
    join(first);
    await connection.ready;
    answer = null;
    first.shut(4404);
    await vi.advanceTimersByTimeAsync(1000);
    answer = FOUND;
    started = 'tuesday';
    await vi.advanceTimersByTimeAsync(10_000);
    join(await socket(2));
    expect(connection.status).toMatchObject({ phase: 'live', restarted: true });
  });

  it.each([
    [403, 'forbidden'],
    [404, 'deleted']
  ] as const)('ends if the request for the room is answered with %i: %s', async (status, fault) => {
    answer = { status, body: { message: 'no' } };
    const connection = connect();
    await expect(connection.ready).rejects.toThrow('no');
    expect(connection.status).toMatchObject({ phase: 'closed', fault });
  });

  it.each<[number, Record<string, string>, unknown, Hindrance['kind']]>([
    [404, {}, 'no route', 'elsewhere'],
    [424, { 'Content-Type': 'application/json' }, { message: 'Restart it' }, 'stopped'],
    [503, {}, { message: 'JupyterHub server no longer running' }, 'stopped'],
    [429, {}, '', 'elsewhere'],
    [502, {}, '', 'elsewhere'],
    [504, {}, '', 'elsewhere'],
    [403, {}, '', 'elsewhere'],
    [401, {}, '', 'login'],
    [200, { 'Content-Type': 'text/html' }, '<html>Log in', 'login'],
    [403, { 'X-Jupyter-Runtimed': '0', 'X-Jupyter-Runtimed-Login': 'wanted' }, '', 'login'],
    [500, { 'X-Jupyter-Runtimed': '0' }, { message: 'oops' }, 'server']
  ])(
    'survives the answer %i %o of a proxy, a Hub or a failing server',
    async (status, headers, body, kind) => {
      const connection = connect();
      const first = await socket(1);
      join(first);
      await connection.ready;
      answer = { status, body, headers };
      first.shut(1006);
      await vi.advanceTimersByTimeAsync(300);
      (await socket(2)).shut(1006);
      await vi.waitFor(() => {
        expect(connection.line.hindrance?.kind).toBe(kind);
      });
      set(connection.documents, 'a', '1');
      expect(connection.status).toMatchObject({ phase: 'connecting', unacked: 1, fault: null });
      answer = FOUND;
      await vi.advanceTimersByTimeAsync(5000);
      join(await socket(3));
      expect(connection.status).toMatchObject({ phase: 'live', unacked: 0 });
      expect(connection.line.hindrance).toBeNull();
    }
  );

  it('rejects a call with the error code of the server', async () => {
    const connection = connect();
    const member = join(await socket(1));
    await connection.ready;
    const call = connection.call('run', { cells: ['x'] });
    member.get({ kind: 'reply', id: 1, result: null, error: { code: 'no-kernel', message: 'm' } });
    await expect(call).rejects.toMatchObject({ name: 'CallFailed', code: 'no-kernel' });
    expect(room.calls[0]).toMatchObject({ name: 'run', heads: room.heads('notebook') });
  });

  it('closes the socket with code 4400 after an invalid frame and connects again', async () => {
    const connection = connect();
    const found = await socket(1);
    join(found);
    await connection.ready;
    found.get(new Uint8Array([0xc1]));
    expect(found.closed).toBe(4400);
    expect(connection.status.phase).toBe('connecting');
  });
});

describe('a reloaded page', () => {
  it('opens the stored notebook without a server and sends its unsent edits later', async () => {
    const first = connect();
    const found = await socket(1);
    join(found);
    await first.ready;
    answer = null;
    found.shut(1006);
    set(first.documents, 'a', '1');
    await vi.waitFor(async () => {
      expect(await isStored()).toBe(true);
    });
    first.dispose();

    const second = connect();
    // This presence is set before the stored notebook is loaded, and is sent nevertheless.
    second.setPresence({ doing: 'reading' });
    await waitWhileTimePasses(second.ready);
    expect(Object.keys(second.documents.notebook.metadata)).toEqual(['a']);
    expect(second.status).toMatchObject({ phase: 'connecting', unacked: 1 });
    set(second.documents, 'b', '2');

    answer = FOUND;
    await vi.advanceTimersByTimeAsync(10_000);
    const last = await socket(2);
    join(last);
    expect(room.metadata()).toEqual({ a: '1', b: '2' });
    const shown = last.sent.map(data => decode(data)).filter(({ kind }) => kind === 'presence');
    expect(shown).toEqual([{ kind: 'presence', session: '', state: { doing: 'reading' } }]);
    expect(second.status.unacked).toBe(0);
  });
});
