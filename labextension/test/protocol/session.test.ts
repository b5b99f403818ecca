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

describe('greeting', () => {
  it('brings both documents, and only then is the session live', () => {
    const ana = new Client(room, 'ana');
    expect(ana.session.phase).toBe('connecting');
    ana.join();
    expect(ana.session.phase).toBe('live');
    expect(ana.of('synced')).toHaveLength(1);
    expect(ana.documents.heads('notebook')).toEqual(room.heads('notebook'));
    expect(ana.documents.epoch('runtime')).toBe('r1');
    expect(ana.session.status).toMatchObject({ unacked: 0, saved: true, role: 'runner' });
  });

  it('names what is shared the next time, and gets only what was missed', () => {
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

  it('with a server of another protocol ends with a fault', () => {
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

describe('editing', () => {
  it('sends each change as it is made and counts it until it is acknowledged', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    ana.set('a', '1');
    ana.set('b', '2');
    expect(kinds(ana)).toEqual(['hello', 'change', 'change']);
    expect(ana.session.status).toMatchObject({ unacked: 2, saved: false });
    room.acknowledge(ana);
    expect(ana.session.status.unacked).toBe(0);
  });

  it('an acknowledgement of the first of two leaves one', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    ana.set('a', '1');
    const heads = room.heads('notebook');
    ana.set('b', '2');
    ana.get({ kind: 'ack', doc: 'notebook', heads });
    expect(ana.session.status.unacked).toBe(1);
  });

  it('an acknowledgement that names what another built on ours counts as ours', () => {
    room.acking = false;
    const ana = new Client(room, 'ana').join();
    const ben = new Client(room, 'ben').join();
    ana.set('a', '1');
    ben.set('b', '1');
    expect(ana.session.status.unacked).toBe(1);
    room.acknowledge(ana);
    expect(ana.session.status.unacked).toBe(0);
  });

  it('two people see each other', () => {
    const ana = new Client(room, 'ana').join();
    const ben = new Client(room, 'ben').join();
    ana.set('a', '1');
    ben.set('b', '2');
    expect(ana.metadata()).toEqual({ a: '"1"', b: '"2"' });
    expect(ben.metadata()).toEqual(ana.metadata());
    expect(ana.session.memory.shared).toEqual(ana.documents.heads('notebook'));
  });

  it('what is made while the connection is away goes out on return, with its ticket', () => {
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

  it('a change that was sent but lost with the connection is sent again', () => {
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

  it('tickets are kept for as long as a change may need them', () => {
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

  it('a page that comes back from what it remembered sends what was not sent', () => {
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

describe('a server that lost what it had not stored', () => {
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

  it.each(ORDERS)('gets all of it once, though one builds on the other (%s first)', (...back) => {
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
  });

  it.each(ORDERS)('gets words in a cell whose making was lost (%s first)', (...back) => {
    const clients = open();
    const stored = am.save(room.docs.notebook.doc);
    room.acking = false;
    addCell(clients.ana, 'a = 1');
    type(clients.ben, ' BBB');
    crash(clients, stored);
    back.forEach(name => clients[name].join());
    expect([text(room), text(clients.ana), text(clients.ben)]).toEqual(Array(3).fill('a = 1 BBB'));
  });

  it('gets again what it only held when somebody came back in between', () => {
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

describe('refusal', () => {
  it('moves local work onto a fresh copy, and says so', () => {
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

  it('does not take what others did meanwhile for local work', () => {
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

  it('again and again puts the work aside and goes on with what the server has', () => {
    const ana = new Client(room, 'ana').join();
    room.refusals = ['not-allowed', 'not-allowed', 'not-allowed'];
    ana.set('a', '1');
    expect(ana.of('setAside')).toHaveLength(1);
    expect(ana.metadata()).toEqual({});
    expect(ana.session.status).toMatchObject({ phase: 'live', unacked: 0 });
  });

  it('for want of rights keeps the work, and sends it once it may be written', () => {
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
  it('leaves in doubt what the server has and did not acknowledge', () => {
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
  it('of the notebook takes local work along', async () => {
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

  it('of the notebook that has what was made here takes only the rest along', async () => {
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

  it('of the runtime document is loaded when it is announced', () => {
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

describe('bytes that are no change', () => {
  it('end the connection, and the document is asked for anew', () => {
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
  it('are answered by id', () => {
    const ana = new Client(room, 'ana').join();
    ana.call(1, 'run');
    ana.call(2, 'save');
    ana.get({ kind: 'reply', id: 2, result: { hash: 'h' }, error: null });
    ana.get({ kind: 'reply', id: 1, result: null, error: { code: 'no-kernel', message: 'none' } });
    expect(ana.of('settle')).toEqual([{ type: 'settle', id: 2, result: { hash: 'h' } }]);
    expect(ana.of('fail')).toMatchObject([{ id: 1, error: { code: 'no-kernel' } }]);
  });

  it('wait for the first greeting', () => {
    const ana = new Client(room, 'ana');
    ana.call(1, 'run');
    expect(room.calls).toEqual([]);
    ana.join();
    expect(room.calls.map(call => call.id)).toEqual([1]);
  });

  it('that were sent fail when the connection breaks, unless they may be repeated', () => {
    const ana = new Client(room, 'ana').join();
    ana.call(1, 'run');
    ana.call(2, 'clear', true);
    ana.cut();
    expect(ana.of('fail')).toMatchObject([{ id: 1, error: { code: 'connection-lost' } }]);
    ana.join();
    expect(room.calls.map(call => call.id)).toEqual([1, 2, 2]);
  });

  it('on edits that the server refuses wait for what became of these edits', () => {
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

  it('on edits that were made again after a reconnection wait for the new ones', () => {
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

  it('fail at once while there is no connection', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.call(1, 'run');
    expect(ana.of('fail')).toMatchObject([{ id: 1, error: { code: 'offline' } }]);
  });
});

describe('parting', () => {
  it.each([
    [1006, 'backoff'],
    [4404, 'reopen'],
    [4429, 'now'],
    [4503, 'backoff']
  ] as const)('code %i leads to: %s', (code, how) => {
    const ana = new Client(room, 'ana').join();
    ana.cut(code);
    expect(ana.of('reconnect')).toEqual([{ type: 'reconnect', how }]);
  });

  it.each([
    [4401, 'unauthenticated'],
    [4403, 'forbidden'],
    [4409, 'protocol']
  ] as const)('code %i is for good: %s', (code, fault) => {
    const ana = new Client(room, 'ana').join();
    ana.call(1, 'save', true);
    ana.cut(code);
    expect(ana.of('closed')).toEqual([{ type: 'closed', fault }]);
    expect(ana.of('fail')).toHaveLength(1);
    expect(ana.session.phase).toBe('closed');
  });

  it('what is typed after the server closed the notebook is kept and counted', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut(4401);
    const before = ana.of('keep').length;
    ana.set('typed', 'later');
    expect(ana.of('keep').length).toBe(before + 1);
    expect(ana.session.status.unacked).toBe(1);
  });

  it('the third bad frame in a row is the last', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut(4400);
    ana.join();
    ana.cut(4400);
    ana.join();
    ana.cut(4400);
    expect(ana.session.status.fault).toBe('bad-frame');
  });

  it('another server on return is said', () => {
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

  it('a server that has forgotten the room was started anew', () => {
    const ana = new Client(room, 'ana').join();
    ana.cut();
    ana.cut(4404);
    ana.join();
    expect(ana.session.status.restarted).toBe(true);
  });
});

describe('saving', () => {
  it('is true only of what is here', () => {
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

  it('that failed is said until it works', () => {
    const ana = new Client(room, 'ana').join();
    ana.get({ kind: 'event', name: 'save_failed', body: { message: 'disk full' } });
    expect(ana.session.status.saveError).toBe('disk full');
    ana.get({ kind: 'event', name: 'saved', body: { heads: room.heads('notebook') } });
    expect(ana.session.status).toMatchObject({ saveError: null, saved: true });
  });

  it.each([
    ['file', 'fileError'],
    ['storage', 'storageError']
  ] as const)('says what is wrong with the %s until that is over', (name, error) => {
    const ana = new Client(room, 'ana').join();
    ana.get({ kind: 'event', name, body: { ok: false, message: 'no answer' } });
    expect(ana.session.status[error]).toBe('no answer');
    ana.get({ kind: 'event', name, body: { ok: true, message: '' } });
    expect(ana.session.status[error]).toBe(null);
    ana.get({ kind: 'event', name, body: { ok: false, message: 'no answer' } });
    ana.cut();
    ana.join();
    expect(ana.session.status[error]).toBe(null);
  });

  it('a file that is gone is said until it is there again, under any name', () => {
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

  it('what was wrong before the connection broke counts only if the server says it again', () => {
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
  it('is sent, and sent again after the connection broke', () => {
    const ana = new Client(room, 'ana').join();
    ana.session
      .handle({ type: 'presence', state: { cell: 'c' } })
      .forEach(effect => ana.effects.push(effect));
    ana.cut();
    expect(ana.of('alone')).toHaveLength(1);
    ana.join();
    expect(ana.sent.at(-1)).toEqual({ kind: 'presence', session: '', state: { cell: 'c' } });
  });

  it('shows others as many selections as the server takes', () => {
    const ana = new Client(room, 'ana').join();
    const cursors = Array.from({ length: 500 }, (_, i): [string, string] => [`${i}@a`, `${i}@b`]);
    const [sent] = ana.session.handle({ type: 'presence', state: { cell: 'c', cursors } });
    expect(sent).toMatchObject({ frame: { state: { cell: 'c', cursors: cursors.slice(0, 64) } } });
  });
});
