/**
 * One room's conversation with the server, through any number of connections.
 *
 * Events go in, effects come out. It holds no socket, no timer and no random
 * source; the two documents are a value to it, which it loads and applies to.
 *
 *                 opened            welcome, sync of each document
 *   connecting ----------> greeting ------------------------------> live
 *       ^                     |                                    |    ^
 *       |  lost               | lost                        refuse |    | sync (full)
 *       +---------------------+------------- lost -----------+     v    |
 *                                                            +-- rebasing
 *   closed: from anywhere, for good
 *
 * A change goes out only after the notebook's `sync` of this connection; what
 * was made before is sent then.
 */
import type { DocName, Replica } from '../document/replica';
import { PendingCalls, lost, offline } from './pendingCalls';
import type { CallRequest } from './pendingCalls';
import { concat, joined } from '../protocol/chunks';
import type { Effect, Fault, Memory, Phase, PeerEvent, Status } from './effects';
import { FileStatus, text } from './fileStatus';
import type * as Frames from '../protocol/frames';
import type { Bytes, CallError, Frame, Heads, PresenceState, Role } from '../protocol/frames';
import { FRAME_BYTES, PROTOCOL } from '../protocol/frames';
import { PendingChanges } from './pendingChanges';

export interface PeerOptions {
  replica: Replica;
  /** Name and version of this client. */
  client: string;
  /** Four fresh random bytes, for a unique actor. */
  fork: () => Bytes;
  memory?: Memory;
}

/** Close codes after which another attempt would end in the same way. */
const FAULTS = new Map<number, Fault>([
  [4401, 'unauthenticated'],
  [4403, 'forbidden'],
  [4409, 'protocol']
]);
const BAD_FRAME = 4400;
const NO_SUCH_ROOM = 4404;
const TOO_SLOW = 4429;

/** This number of refusals or bad frames without an accepted frame ends the attempt. */
const PATIENCE = 3;

/** The number of selections that presence shows; the server limits their number and size. */
const PRESENCE_CURSORS = 64;

const DOCS: readonly DocName[] = ['notebook', 'runtime'];

const OTHER_HISTORY = {
  code: 'epoch',
  reason: 'The server has another history of this notebook',
  discard: false
};

export class Peer {
  phase: Phase = 'connecting';
  role: Role = 'viewer';
  room = '';
  path = '';
  /** The server's name for this connection. */
  id = '';
  user: Frames.User | null = null;

  private readonly replica: Replica;
  private readonly ledger: PendingChanges;
  private readonly calls = new PendingCalls();
  private awaiting = new Set<DocName>(DOCS);
  /** Documents that the peer requests whole, although it holds a copy. */
  private readonly anew = new Set<DocName>();
  private why = OTHER_HISTORY;
  /** The last local change in the server's document, if the server has another document. */
  private had: Heads = [];
  /** A notebook that waits for the first outputs, so that its cells are made with them. */
  private early: Frames.Sync | null = null;
  private presence: PresenceState | null = null;
  private server: string | null = null;
  private restarted = false;
  /** The server was restarted, or has forgotten the room, since this peer was last live. */
  private reopened = false;
  private readonly file = new FileStatus();
  private fault: Fault | null = null;
  private cap = FRAME_BYTES;
  private refusals = 0;
  private badFrames = 0;
  /** Whether a greeting was ever complete. */
  private greeted = false;

  constructor(private readonly options: PeerOptions) {
    this.replica = options.replica;
    this.ledger = new PendingChanges(
      options.replica,
      options.memory ?? { shared: [], tickets: [] }
    );
    const ticket = this.ledger.tickets.at(-1);
    if (ticket !== undefined) {
      this.actAs(ticket.prefix);
    }
  }

  /** Returns the memory to store beside the notebook's changes. */
  get memory(): Memory {
    return { shared: this.ledger.shared, tickets: this.ledger.tickets };
  }

  get status(): Status {
    const { reported } = this.file;
    return {
      ...reported,
      phase: this.phase,
      unacked: this.ledger.count,
      role: this.role,
      saved: reported.saved && this.ledger.count === 0,
      restarted: this.restarted,
      fault: this.fault
    };
  }

  /**
   * Handles one event. A `local` event may come while another event is handled, because applying
   * changes may cause local changes.
   */
  handle(event: PeerEvent): Effect[] {
    if (this.phase === 'closed') {
      return this.handleClosed(event);
    }
    switch (event.type) {
      case 'opened':
        return this.greet();
      case 'frame':
        return this.receive(event.frame);
      case 'lost':
        return this.lose(event.code);
      case 'local':
        return this.changed(event.data);
      case 'call':
        return this.call(event.request);
      case 'presence':
        return this.show(event.state);
      case 'restarted':
        this.reopened = this.greeted;
        return [];
      case 'close':
        return this.close(event.fault);
    }
  }

  /** Keeps edits of a notebook that the server has closed, for a later connection. */
  private handleClosed(event: PeerEvent): Effect[] {
    if (event.type === 'call') {
      return [fail(event.request.id, offline())];
    }
    return event.type === 'local' && this.fault !== 'closed' ? this.changed(event.data) : [];
  }

  private receive(frame: Frame): Effect[] {
    switch (frame.kind) {
      case 'welcome':
        return this.welcome(frame);
      case 'sync':
        return this.sync(frame);
      case 'change':
        return this.change(frame);
      case 'ack':
        return this.ack(frame);
      case 'refuse':
        return this.refuse(frame);
      case 'reply':
        return this.reply(frame);
      case 'event':
        return this.event(frame);
      case 'presence':
        return [{ type: 'presence', session: frame.session, state: frame.state }];
      case 'hello':
      case 'call':
        return [hangup(`a server does not send ${frame.kind}`)];
    }
  }

  // ------------------------------------------------------------ greeting

  private greet(): Effect[] {
    this.phase = 'greeting';
    return this.hello();
  }

  private hello(): Effect[] {
    this.awaiting = new Set(DOCS);
    this.early = null;
    const docs: Frames.Held = {};
    for (const doc of DOCS) {
      const epoch = this.replica.epoch(doc);
      if (epoch !== null) {
        const held = doc === 'notebook' ? this.ledger.shared : this.replica.heads(doc);
        docs[doc] = { epoch, heads: this.anew.has(doc) ? [] : [...held].sort() };
      }
    }
    const { client } = this.options;
    const { tickets } = this.ledger;
    return [send({ kind: 'hello', protocol: PROTOCOL, client, peer: 'browser', docs, tickets })];
  }

  private welcome(frame: Frames.Welcome): Effect[] {
    if (frame.protocol !== PROTOCOL) {
      return this.close('protocol');
    }
    this.restarted = this.reopened || (this.server !== null && this.server !== frame.server);
    this.reopened = false;
    this.server = frame.server;
    this.room = frame.room;
    this.path = frame.path;
    this.id = frame.session;
    this.user = frame.user;
    this.role = frame.role;
    this.cap = frame.limits.frame;
    this.file.greet(frame.saved);
    this.had = frame.had;
    this.ledger.takeTicket({ prefix: frame.actor, proof: frame.proof });
    this.actAs(frame.actor);
    return [{ type: 'keepMemory' }];
  }

  private actAs(prefix: Bytes): void {
    this.replica.setActor(concat([prefix, this.options.fork()]));
  }

  private sync(frame: Frames.Sync): Effect[] {
    if (frame.doc === 'notebook' && this.replica.epoch('runtime') === null) {
      this.early = frame;
      return [];
    }
    const { early } = this;
    this.early = null;
    const effects = this.take(frame);
    return early === null ? effects : [...effects, ...this.take(early)];
  }

  private take(frame: Frames.Sync): Effect[] {
    const effects = frame.doc === 'notebook' ? this.syncNotebook(frame) : this.syncRuntime(frame);
    // A notebook with too large an edit closes the peer.
    if (this.awaiting.size === 0 && this.phase !== 'live' && this.phase !== 'closed') {
      this.phase = 'live';
      this.greeted = true;
      this.calls.move(heads => this.replica.knows(heads), this.replica.heads('notebook'));
      effects.push({ type: 'synced' }, ...this.calls.take().map(send));
      if (this.presence !== null) {
        effects.push(send({ kind: 'presence', session: '', state: this.presence }));
      }
    }
    return effects;
  }

  private syncRuntime(frame: Frames.Sync): Effect[] {
    if (frame.full) {
      this.replica.load('runtime', frame.epoch, frame.data);
      this.anew.delete('runtime');
    } else if (!this.apply('runtime', frame.data)) {
      return [hangup('changes that cannot be applied')];
    }
    this.awaiting.delete('runtime');
    return [];
  }

  private syncNotebook(frame: Frames.Sync): Effect[] {
    const effects: Effect[] = [];
    if (frame.full) {
      effects.push(...this.replace(frame));
    } else if (!this.apply('notebook', frame.data)) {
      return [hangup('changes that cannot be applied')];
    } else if (frame.data.length > 0) {
      effects.push({ type: 'keep', change: frame.data });
    }
    const missing = this.ledger.recount(frame.heads);
    this.awaiting.delete('notebook');
    return [...effects, ...this.push(missing)];
  }

  private replace(frame: Frames.Sync): Effect[] {
    const { code, reason, discard } = this.why;
    this.why = OTHER_HISTORY;
    this.anew.delete('notebook');
    const other = frame.epoch !== this.replica.epoch('notebook');
    const own = this.ledger.leave(other ? this.had : []);
    const effects: Effect[] = [{ type: 'keepAll' }];
    if (own.length === 0 || discard) {
      this.replica.load('notebook', frame.epoch, frame.data);
    } else {
      const rebased = this.replica.rebase(own, frame.epoch, frame.data);
      effects.push({ type: 'rebased', rebased, code, reason });
    }
    this.ledger.doubt(own.filter(change => this.replica.has(change)));
    return effects;
  }

  /** Returns whether it succeeded; if not, the next `hello` asks for the whole document. */
  private apply(doc: DocName, data: Bytes): boolean {
    try {
      if (data.length > 0) {
        this.replica.apply(doc, data);
      }
      return true;
    } catch {
      this.anew.add(doc);
      return false;
    }
  }

  // ------------------------------------------------------------ living

  private changed(data: Bytes): Effect[] {
    this.ledger.made(data);
    this.file.edited();
    const sent = this.canPush() ? this.push([data]) : [];
    return [{ type: 'keep', change: data }, ...sent];
  }

  private canPush(): boolean {
    const greeted = this.phase === 'live' || this.phase === 'greeting';
    return greeted && !this.awaiting.has('notebook');
  }

  private push(chunks: Bytes[]): Effect[] {
    if (this.role === 'viewer') {
      return [];
    }
    if (chunks.some(chunk => chunk.length > this.cap)) {
      return this.close('too-large');
    }
    return joined(chunks, this.cap).map(data => send({ kind: 'change', doc: 'notebook', data }));
  }

  private change(frame: Frames.Change): Effect[] {
    if (this.awaiting.has(frame.doc)) {
      // The server sent this frame before it knew of the request for a whole document; the answer
      // contains it.
      return [];
    }
    const before = this.replica.heads('notebook');
    if (!this.apply(frame.doc, frame.data)) {
      return [hangup('a change that cannot be applied')];
    }
    if (frame.doc === 'runtime') {
      return [];
    }
    this.ledger.received(before, this.replica.heads('notebook'));
    this.file.edited();
    return [{ type: 'keep', change: frame.data }];
  }

  private ack(frame: Frames.Ack): Effect[] {
    if (frame.doc !== 'notebook' || this.ledger.count === 0) {
      return [];
    }
    this.refusals = 0;
    this.badFrames = 0;
    this.ledger.acknowledged(frame.heads);
    return [{ type: 'keepMemory' }];
  }

  private refuse(frame: Frames.Refuse): Effect[] {
    if (frame.doc !== 'notebook' || this.anew.has('notebook')) {
      return [];
    }
    const { code, reason } = frame;
    if (code === 'read-only') {
      this.role = 'viewer';
      return [];
    }
    const effects: Effect[] = [];
    this.refusals += 1;
    const discard = this.refusals >= PATIENCE;
    if (discard) {
      this.refusals = 0;
      effects.push({ type: 'setAside', data: this.replica.save('notebook'), code, reason });
    }
    this.anew.add('notebook');
    this.why = { code, reason, discard };
    this.phase = 'rebasing';
    return [...effects, ...this.hello()];
  }

  private event(frame: Frames.RoomEvent): Effect[] {
    const { name, body } = frame;
    const effects: Effect[] = [{ type: 'event', name, body }];
    this.file.take(frame, this.replica.heads('notebook'));
    if (name === 'moved') {
      this.path = text(body['path']) || this.path;
    } else if (name === 'rights') {
      effects.push(...this.allow(body['role']));
    }
    return effects;
  }

  private allow(role: unknown): Effect[] {
    if (role !== 'viewer' && role !== 'editor' && role !== 'runner') {
      return [hangup('an unknown role')];
    }
    const before = this.role;
    this.role = role;
    const heldBack = before === 'viewer' && this.canPush();
    return heldBack ? this.push(this.ledger.recount(this.ledger.shared)) : [];
  }

  private show(state: PresenceState | null): Effect[] {
    const cursors = state?.cursors?.slice(0, PRESENCE_CURSORS);
    this.presence = cursors === undefined ? state : { ...state, cursors };
    const { presence } = this;
    return this.phase === 'live' ? [send({ kind: 'presence', session: '', state: presence })] : [];
  }

  // ------------------------------------------------------------ calls

  private call(request: CallRequest): Effect[] {
    if (this.phase === 'connecting' && this.greeted && !request.repeat) {
      return [fail(request.id, offline())];
    }
    this.calls.add(request);
    return this.phase === 'live' ? this.calls.take().map(send) : [];
  }

  private reply(frame: Frames.Reply): Effect[] {
    if (!this.calls.settle(frame.id)) {
      return [];
    }
    return frame.error === null
      ? [{ type: 'settle', id: frame.id, result: frame.result }]
      : [fail(frame.id, frame.error)];
  }

  // ------------------------------------------------------------ parting

  private lose(code: number): Effect[] {
    const fault = FAULTS.get(code);
    if (fault !== undefined) {
      return this.close(fault);
    }
    this.badFrames = code === BAD_FRAME ? this.badFrames + 1 : this.badFrames;
    if (this.badFrames >= PATIENCE) {
      return this.close('bad-frame');
    }
    this.phase = 'connecting';
    this.awaiting = new Set(DOCS);
    this.reopened ||= this.greeted && code === NO_SUCH_ROOM;
    const failed = this.calls.lose().map(id => fail(id, lost()));
    const how = code === NO_SUCH_ROOM ? 'reopen' : code === TOO_SLOW ? 'now' : 'backoff';
    return [...failed, { type: 'alone' }, { type: 'reconnect', how }];
  }

  private close(fault: Fault): Effect[] {
    this.phase = 'closed';
    this.fault = fault;
    const failed = this.calls.clear().map(id => fail(id, offline()));
    return [...failed, { type: 'alone' }, { type: 'closed', fault }];
  }
}

function send(frame: Frame): Effect {
  return { type: 'send', frame };
}

function fail(id: number, error: CallError): Effect {
  return { type: 'fail', id, error };
}

function hangup(reason: string): Effect {
  return { type: 'hangup', code: BAD_FRAME, reason };
}
