import { beforeEach, describe, expect, it } from 'vitest';

import * as am from '../../src/document/automerge';
import type { NotebookNode } from '../../src/document/schema';
import type { Bytes } from '../../src/protocol/frames';
import { Client, Room } from './room';

let room: Room;

beforeEach(async () => {
  room = await Room.open();
});

function kinds(client: Client): string[] {
  return client.sent.map(frame => frame.kind);
}

describe('the handshake', () => {
  it('makes the peer live with both documents', () => {
    const ana = new Client(room, 'ana');
    expect(ana.session.phase).toBe('connecting');
    ana.join();
    expect(ana.session.phase).toBe('live');
    expect(ana.of('synced')).toHaveLength(1);
    expect(ana.documents.heads('notebook')).toEqual(room.heads('notebook'));
    expect(ana.documents.epoch('runtime')).toBe('r1');
    expect(ana.session.status).toMatchObject({ unacked: 0, saved: true, role: 'runner' });
  });

  it('names the shared epochs after a reconnection, and the peer receives the missed changes', () => {
    const ana = new Client(room, 'ana').join();
    const ben = new Client(room, 'ben').join();
    ana.cut();
    ben.set('b', '1');
    ana.join();
    expect(ana.sent.at(-1)).toMatchObject({
      kind: 'hello',
      docs: { notebook: { epoch: 'n1' }, runtime: { epoch: 'r1' } }
    });
    expect(ana.metadata()).toEqual({ b: '"1"' });
    expect(ana.of('rebased')).toHaveLength(0);
  });

  it('closes the peer with a fault if the server has another protocol', () => {
    const ana = new Client(room, 'ana');
    const welcome = {
      kind: 'welcome',
      protocol: 2,
      room: '',
      path: '',
      server: '',
      session: '',
      user: { username: '', name: '', color: null },
      role: 'viewer',
      actor: new Uint8Array(16),
      proof: new Uint8Array(16),
      docs: {},
      limits: { frame: 1, inline: 1 },
      saved: true
    } as const;
    ana.session.handle({ type: 'opened' });
    const effects = ana.session.handle({ type: 'frame', frame: { ...welcome, docs: {}, had: [] } });
    expect(effects).toContainEqual({ type: 'closed', fault: 'protocol' });
    expect(ana.session.status.fault).toBe('protocol');
  });
});

describe('an editing peer', () => {
  it('sends each change at once and counts it as pending until it is acknowledged', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    ana.set('a', '1');
    ana.set('b', '2');
    expect(kinds(ana)).toEqual(['hello', 'change', 'change']);
    expect(ana.session.status).toMatchObject({ unacked: 2, saved: false });
    room.acknowledge(ana);
    expect(ana.session.status.unacked).toBe(0);
  });

  it('an acknowledgement of the first of two changes leaves one pending', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    ana.set('a', '1');
    const heads = room.heads('notebook');
    ana.set('b', '2');
    ana.get({ kind: 'ack', doc: 'notebook', heads });
    expect(ana.session.status.unacked).toBe(1);
  });

  it('an acknowledgement of a later change by another peer covers the changes before it', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    const ben = new Client(room, 'ben').join();
    ana.set('a', '1');
    ben.set('b', '1');
    expect(ana.session.status.unacked).toBe(1);
    room.acknowledge(ana);
    expect(ana.session.status.unacked).toBe(0);
  });

  it('two peers receive the changes of each other', () => {
    const ana = new Client(room, 'ana').join();
    const ben = new Client(room, 'ben').join();
    ana.set('a', '1');
    ben.set('b', '2');
    expect(ana.metadata()).toEqual({ a: '"1"', b: '"2"' });
    expect(ben.metadata()).toEqual(ana.metadata());
    expect(ana.session.memory.shared).toEqual(ana.documents.heads('notebook'));
  });

  it('a change without a connection is sent after the reconnection, with its ticket', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.set('a', '1');
    ana.set('b', '2');
    expect(ana.session.status).toMatchObject({ phase: 'connecting', unacked: 2 });
    ana.join();
    const hello = ana.sent.findLast(frame => frame.kind === 'hello');
    expect(hello).toMatchObject({ tickets: [{ prefix: new Uint8Array(16).fill(1) }] });
    expect(room.metadata()).toEqual({ a: '"1"', b: '"2"' });
    expect(ana.session.status.unacked).toBe(0);
  });

  it('a change that was lost with the connection is sent again', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    room.receive = (): void => undefined;
    ana.set('a', '1');
    ana.cut();
    room.receive = Room.prototype.receive.bind(room);
    room.acking = true;
    ana.join();
    expect(room.metadata()).toEqual({ a: '"1"' });
  });

  it('a ticket is kept until no pending change needs it', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.set('a', '1');
    room.acking = false;
    ana.join();
    ana.set('b', '1');
    ana.cut();
    expect(ana.session.memory.tickets.map(ticket => ticket.prefix[0])).toEqual([1, 2]);
    room.acking = true;
    ana.join();
    expect(ana.session.memory.tickets.map(ticket => ticket.prefix[0])).toEqual([3]);
  });

  it('a peer that is restored from storage sends its pending changes', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.set('a', '1');
    const again = new Client(room, 'ana', {
      notebook: ana.documents.save('notebook'),
      epoch: 'n1',
      memory: ana.session.memory
    });
    expect(again.session.status.unacked).toBe(1);
    again.join();
    expect(room.metadata()).toEqual({ a: '"1"' });
    expect(again.session.status.unacked).toBe(0);
  });
});

describe('a server that lost unstored changes in a crash', () => {
  const ORDERS = [
    ['ana', 'ben'],
    ['ben', 'ana']
  ] as const;

  function type(client: Client, text: string): void {
    client.documents.edit(draft => {
      const at = draft.cells['c']?.source.length ?? 0;
      am.splice(draft, ['cells', 'c', 'source'], at, 0, text);
    });
  }

  function addCell(client: Client, source: string): void {
    client.documents.edit(draft => {
      const [cell_type, position] = [am.str('code'), am.str('V')];
      const cell = { cell_type, position, source, metadata: {}, attachments: {}, extra: {} };
      draft.cells['c'] = cell;
    });
  }

  function text(client: Client | Room): string | undefined {
    const notebook = client instanceof Room ? client.docs.notebook.doc : client.documents.notebook;
    return (notebook as NotebookNode).cells['c']?.source;
  }

  function open(): Record<'ana' | 'ben', Client> {
    return { ana: new Client(room, 'ana').join(), ben: new Client(room, 'ben').join() };
  }

  function crash(clients: Record<'ana' | 'ben', Client>, stored: Bytes): void {
    clients.ana.cut();
    clients.ben.cut();
    room.rotate('notebook', 'n1', stored);
    room.acking = true;
  }

  it.each(ORDERS)(
    'receives edits that build on each other exactly once from two peers (%s reconnects first)',
    (...back) => {
      const clients = open();
      addCell(clients.ana, 'a = 1');
      const stored = am.save(room.docs.notebook.doc);
      room.acking = false;
      type(clients.ana, ' AAA');
      type(clients.ben, ' BBB');
      type(clients.ana, ' CCC');
      type(clients.ben, ' DDD');
      type(clients.ben, ' EEE');
      expect(text(room)).toBe('a = 1 AAA BBB CCC DDD EEE');
      crash(clients, stored);
      back.forEach(name => clients[name].join());
      expect(text(room)?.split(' ').sort().join(' ')).toBe('1 = AAA BBB CCC DDD EEE a');
      expect([text(clients.ana), text(clients.ben)]).toEqual([text(room), text(room)]);
      expect(clients.ana.session.status.unacked + clients.ben.session.status.unacked).toBe(0);
    }
  );

  it.each(ORDERS)(
    'receives typing in a cell whose insertion was lost (%s reconnects first)',
    (...back) => {
      const clients = open();
      const stored = am.save(room.docs.notebook.doc);
      room.acking = false;
      addCell(clients.ana, 'a = 1');
      type(clients.ben, ' BBB');
      crash(clients, stored);
      back.forEach(name => clients[name].join());
      expect([text(room), text(clients.ana), text(clients.ben)]).toEqual(
        Array(3).fill('a = 1 BBB')
      );
    }
  );

  it('receives a lost change again from a peer that reconnected before the crash', () => {
    const clients = open();
    addCell(clients.ana, 'a = 1');
    const stored = am.save(room.docs.notebook.doc);
    room.acking = false;
    type(clients.ana, ' AAA');
    clients.ana.cut();
    clients.ana.join();
    expect(clients.ana.session.status.unacked).toBe(1);
    crash(clients, stored);
    clients.ana.join();
    expect(text(room)).toBe('a = 1 AAA');
    expect(clients.ana.session.status.unacked).toBe(0);
  });
});

describe('a refused change', () => {
  it('is rebased onto a fresh copy, and the rebase is reported', () => {
    const ana = new Client(room, 'ana').join();
    const ben = new Client(room, 'ben').join();
    room.refusals = ['gap'];
    ana.set('a', '1');
    ben.set('b', '2');
    expect(ana.session.phase).toBe('live');
    expect(ana.of('rebased')).toMatchObject([{ code: 'gap', reason: 'because' }]);
    expect(room.metadata()).toEqual({ a: '"1"', b: '"2"' });
    expect(ana.metadata()).toEqual(room.metadata());
    expect(ana.session.status.unacked).toBe(0);
  });

  it('is rebased without the concurrent changes of other peers', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    const ben = new Client(room, 'ben').join();
    const refuse = room.receive.bind(room);
    const held: Parameters<typeof refuse>[] = [];
    room.receive = (client, frame): void => {
      if (client === ana && frame.kind === 'change') {
        held.push([client, frame]);
      } else {
        refuse(client, frame);
      }
    };
    ana.set('a', '1');
    ben.set('b', '2');
    room.receive = refuse;
    room.refusals = ['not-allowed'];
    held.forEach(args => {
      refuse(...args);
    });
    expect(ana.of('rebased')[0]?.rebased.metadata).toEqual(['a']);
  });

  it('is set aside after three refusals, and the peer continues with the notebook of the server', () => {
    const ana = new Client(room, 'ana').join();
    room.refusals = ['not-allowed', 'not-allowed', 'not-allowed'];
    ana.set('a', '1');
    expect(ana.of('setAside')).toHaveLength(1);
    expect(ana.metadata()).toEqual({});
    expect(ana.session.status).toMatchObject({ phase: 'live', unacked: 0 });
  });

  it('stays pending for a viewer and is sent when the peer may write', () => {
    const ana = new Client(room, 'ana').join();
    room.refusals = ['read-only'];
    ana.set('a', '1');
    ana.set('b', '2');
    expect(ana.session.status).toMatchObject({ role: 'viewer', unacked: 2 });
    expect(ana.metadata()).toEqual({ a: '"1"', b: '"2"' });
    ana.get({ kind: 'event', name: 'rights', body: { role: 'editor' } });
    expect(room.metadata()).toEqual({ a: '"1"', b: '"2"' });
    expect(ana.session.status.unacked).toBe(0);
  });
});

describe('a fresh copy', () => {
  it('leaves a change pending that it contains but that is not acknowledged', () => {
    const ana = new Client(room, 'ana').join();
    room.acking = false;
    ana.set('a', '1');
    room.refusals = ['gap'];
    ana.set('b', '2');
    expect(room.metadata()).toEqual({ a: '"1"', b: '"2"' });
    expect(ana.session.status.unacked).toBe(2);
    room.acknowledge(ana);
    expect(ana.session.status.unacked).toBe(0);
  });
});

describe('another epoch', () => {
  it('of the notebook document receives the pending changes', async () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.set('a', '1');
    const other = await Room.open();
    new Client(other, 'ben').join().set('b', '2');
    const documents = new Client(other, 'x').join().documents;
    room.rotate('notebook', 'n2', documents.save('notebook'));
    ana.join();
    expect(ana.documents.epoch('notebook')).toBe('n2');
    expect(room.metadata()).toEqual({ a: '"1"', b: '"2"' });
  });

  it('of the notebook document receives only the pending changes that it lacks', async () => {
    const ana = new Client(room, 'ana').join();
    room.acking = false;
    ana.set('a', '1');
    const [kept] = room.heads('notebook');
    ana.cut();
    ana.set('b', '2');
    const other = await Room.open();
    new Client(other, 'ben').join().set('a', 'by ben since');
    room.rotate('notebook', 'n2', new Client(other, 'x').join().documents.save('notebook'));
    room.had = [kept ?? ''];
    ana.join();
    expect(room.metadata()).toEqual({ a: '"by ben since"', b: '"2"' });
    expect(ana.session.status.unacked).toBe(1);
  });

  it('of the runtime document is loaded when its sync frame arrives', () => {
    const ana = new Client(room, 'ana').join();
    ana.get({
      kind: 'sync',
      doc: 'runtime',
      epoch: 'r2',
      full: true,
      data: ana.documents.save('runtime'),
      heads: room.heads('runtime')
    });
    expect(ana.documents.epoch('runtime')).toBe('r2');
    expect(ana.session.phase).toBe('live');
  });
});

describe('a change frame with invalid bytes', () => {
  it('ends the connection, and the next handshake requests the whole document', () => {
    const ana = new Client(room, 'ana').join();
    ana.get({ kind: 'change', doc: 'runtime', data: new Uint8Array([1, 2, 3]) });
    expect(ana.of('hangup')).toHaveLength(1);
    ana.cut(4400);
    ana.join();
    const hello = ana.sent.at(-1);
    expect(hello).toMatchObject({ docs: { runtime: { epoch: 'r1', heads: [] } } });
    expect(ana.session.phase).toBe('live');
  });
});

describe('calls', () => {
  it('are settled by the id of the reply', () => {
    const ana = new Client(room, 'ana').join();
    ana.call(1, 'run');
    ana.call(2, 'save');
    ana.get({ kind: 'reply', id: 2, result: { hash: 'h' }, error: null });
    ana.get({ kind: 'reply', id: 1, result: null, error: { code: 'no-kernel', message: 'none' } });
    expect(ana.of('settle')).toEqual([{ type: 'settle', id: 2, result: { hash: 'h' } }]);
    expect(ana.of('fail')).toMatchObject([{ id: 1, error: { code: 'no-kernel' } }]);
  });

  it('wait for the first handshake', () => {
    const ana = new Client(room, 'ana');
    ana.call(1, 'run');
    expect(room.calls).toEqual([]);
    ana.join();
    expect(room.calls.map(call => call.id)).toEqual([1]);
  });

  it('fail when the connection breaks, unless they are repeatable', () => {
    const ana = new Client(room, 'ana').join();
    ana.call(1, 'run');
    ana.call(2, 'clear', true);
    ana.cut();
    expect(ana.of('fail')).toMatchObject([{ id: 1, error: { code: 'connection-lost' } }]);
    ana.join();
    expect(room.calls.map(call => call.id)).toEqual([1, 2, 2]);
  });

  it('wait until the refused edits before them are set aside', () => {
    const ana = new Client(room, 'ana').join();
    room.refusals = ['not-allowed', 'not-allowed', 'not-allowed'];
    const receive = room.receive.bind(room);
    const late: Parameters<typeof receive>[] = [];
    room.receive = (client, frame): void => {
      if (frame.kind === 'change') {
        late.push([client, frame]);
      } else {
        receive(client, frame);
      }
    };
    ana.set('a', '1');
    ana.call(1, 'run');
    room.receive = receive;
    late.forEach(args => {
      receive(...args);
    });
    expect(room.calls.at(-1)).toMatchObject({ id: 1, heads: room.heads('notebook') });
    expect(ana.of('setAside')).toHaveLength(1);
  });

  it('name the heads of the rebased edits after a reconnection', () => {
    const ana = new Client(room, 'ana').join();
    const bytes = ana.documents.save('notebook');
    ana.cut();
    ana.set('a', '1');
    ana.call(1, 'save', true);
    room.rotate('notebook', 'n2', bytes);
    room.docs.notebook.doc = am.change(room.docs.notebook.doc as NotebookNode, draft => {
      draft.metadata['b'] = am.str('2');
    });
    ana.join();
    expect(room.calls.map(call => call.heads)).toEqual([room.heads('notebook')]);
  });

  it('fail at once after the connection is lost', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.call(1, 'run');
    expect(ana.of('fail')).toMatchObject([{ id: 1, error: { code: 'offline' } }]);
  });
});

describe('the end of a connection', () => {
  it.each([
    [1006, 'backoff'],
    [4404, 'reopen'],
    [4429, 'now'],
    [4503, 'backoff']
  ] as const)('with code %i leads to a reconnection: %s', (code, how) => {
    const ana = new Client(room, 'ana').join();
    ana.cut(code);
    expect(ana.of('reconnect')).toEqual([{ type: 'reconnect', how }]);
  });

  it.each([
    [4401, 'unauthenticated'],
    [4403, 'forbidden'],
    [4409, 'protocol']
  ] as const)('with code %i is final, with the fault %s', (code, fault) => {
    const ana = new Client(room, 'ana').join();
    ana.call(1, 'save', true);
    ana.cut(code);
    expect(ana.of('closed')).toEqual([{ type: 'closed', fault }]);
    expect(ana.of('fail')).toHaveLength(1);
    expect(ana.session.phase).toBe('closed');
  });

  it('with code 4401 still lets the peer store and count later changes', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut(4401);
    const before = ana.of('keep').length;
    ana.set('typed', 'later');
    expect(ana.of('keep').length).toBe(before + 1);
    expect(ana.session.status.unacked).toBe(1);
  });

  it('is final after the third bad frame in a row', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut(4400);
    ana.join();
    ana.cut(4400);
    ana.join();
    ana.cut(4400);
    expect(ana.session.status.fault).toBe('bad-frame');
  });

  it('a reconnection to another server sets "restarted" in the status', () => {
    const ana = new Client(room, 'ana').join();
    expect(ana.session.status.restarted).toBe(false);
    ana.cut();
    room.server = 'two';
    ana.join();
    expect(ana.session.status.restarted).toBe(true);
    ana.cut();
    ana.join();
    expect(ana.session.status.restarted).toBe(false);
  });

  it('a server that has forgotten the room sets "restarted" in the status', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.cut(4404);
    ana.join();
    expect(ana.session.status.restarted).toBe(true);
  });
});

describe('the file status', () => {
  it('is saved only while the saved heads are the newest', () => {
    const ana = new Client(room, 'ana').join();
    ana.set('a', '1');
    const heads = room.heads('notebook');
    expect(ana.session.status.saved).toBe(false);
    ana.get({ kind: 'event', name: 'saved', body: { heads } });
    expect(ana.session.status.saved).toBe(true);
    ana.set('b', '1');
    ana.get({ kind: 'event', name: 'saved', body: { heads } });
    expect(ana.session.status.saved).toBe(false);
  });

  it('has the error of a failed save until a save succeeds', () => {
    const ana = new Client(room, 'ana').join();
    ana.get({ kind: 'event', name: 'save_failed', body: { message: 'disk full' } });
    expect(ana.session.status.saveError).toBe('disk full');
    ana.get({ kind: 'event', name: 'saved', body: { heads: room.heads('notebook') } });
    expect(ana.session.status).toMatchObject({ saveError: null, saved: true });
  });

  it.each([
    ['file', 'fileError'],
    ['storage', 'storageError']
  ] as const)(
    'has the %s error until the server withdraws it or the peer reconnects',
    (name, error) => {
      const ana = new Client(room, 'ana').join();
      ana.get({ kind: 'event', name, body: { ok: false, message: 'no answer' } });
      expect(ana.session.status[error]).toBe('no answer');
      ana.get({ kind: 'event', name, body: { ok: true, message: '' } });
      expect(ana.session.status[error]).toBe(null);
      ana.get({ kind: 'event', name, body: { ok: false, message: 'no answer' } });
      ana.cut();
      ana.join();
      expect(ana.session.status[error]).toBe(null);
    }
  );

  it('has the deletion of the file until the file is saved, merged or moved', () => {
    const ana = new Client(room, 'ana').join();
    const gone = { why: 'deleted', message: 'a.ipynb is gone' };
    const back: [string, Record<string, unknown>][] = [
      ['saved', { heads: room.heads('notebook') }],
      ['merged', { cells: [] }],
      ['moved', { path: 'b.ipynb' }]
    ];
    for (const [name, body] of back) {
      ana.get({ kind: 'event', name: 'deleted', body: gone });
      expect(ana.session.status.fileGone).toEqual(gone);
      ana.get({ kind: 'event', name, body });
      expect(ana.session.status.fileGone).toBeNull();
    }
  });

  it('has a read-only file until it is writable, and drops a deletion and a storage error at a reconnection', () => {
    const ana = new Client(room, 'ana').join();
    ana.get({ kind: 'event', name: 'writable', body: { ok: false, message: 'by its mode' } });
    ana.get({ kind: 'event', name: 'storage', body: { ok: false, message: 'disk full' } });
    expect(ana.session.status.fileReadOnly).toBe('by its mode');
    ana.get({ kind: 'event', name: 'writable', body: { ok: true, message: '' } });
    expect(ana.session.status.fileReadOnly).toBeNull();
    ana.get({ kind: 'event', name: 'deleted', body: { why: 'deleted', message: 'gone' } });
    ana.cut();
    ana.join();
    expect(ana.session.status).toMatchObject({ fileGone: null, storageError: null });
  });
});

describe('presence', () => {
  it('is sent again after a reconnection', () => {
    const ana = new Client(room, 'ana').join();
    ana.session
      .handle({ type: 'presence', state: { cell: 'c' } })
      .forEach(effect => ana.effects.push(effect));
    ana.cut();
    expect(ana.of('alone')).toHaveLength(1);
    ana.join();
    expect(ana.sent.at(-1)).toEqual({ kind: 'presence', session: '', state: { cell: 'c' } });
  });

  it('is sent with at most 64 selections', () => {
    const ana = new Client(room, 'ana').join();
    const cursors = Array.from({ length: 500 }, (_, i): [string, string] => [`${i}@a`, `${i}@b`]);
    const [sent] = ana.session.handle({ type: 'presence', state: { cell: 'c', cursors } });
    expect(sent).toMatchObject({ frame: { state: { cell: 'c', cursors: cursors.slice(0, 64) } } });
  });
});
