/**
 * Plays the conversations of `tests/golden/conversations.json` with the browser client's machine.
 *
 * The section "Shared vectors" of `docs/design/protocol.md` lists the words for what a client does.
 */
import { RoomDocuments } from '../../src/document/documents';
import type { DocName } from '../../src/document/replica';
import { cellOrder, own } from '../../src/document/schema';
import { decode } from '../../src/protocol/decode';
import type { Effect, PeerEvent } from '../../src/peer/effects';
import type { Frame, PresenceState, Role } from '../../src/protocol/frames';
import { encode, PREFIX_BYTES, PROTOCOL } from '../../src/protocol/frames';
import { Peer } from '../../src/peer/peer';
import type { Edit } from './edits';
import { write } from './edits';
import type { Made } from './names';
import { Names } from './names';

interface WelcomeStep {
  connection: number;
  role?: Role;
  server?: string;
  protocol?: number;
  limit?: number;
  had?: string[];
}

export type Step =
  | { open: true }
  | { lost: number }
  | { edit: Edit }
  | { call: string; args?: Record<string, unknown>; repeat?: boolean }
  | { show: PresenceState | null }
  | FrameStep;

type FrameStep =
  | { welcome: WelcomeStep }
  | { sync: DocName; epoch: string; whole?: string[]; missing?: string[]; heads: string[] }
  | { change: DocName; data?: string[]; bytes?: string }
  | { ack: string[] }
  | { refuse: string[]; code: string }
  | { reply: number; result?: unknown; error?: string }
  | { event: string; body: Record<string, unknown> }
  | { presence: string; state: PresenceState | null }
  | { hello: object };

/** A step and its expected results. */
export interface Played {
  do: Step;
  differs?: string;
  then?: Partial<Observed> & { typescript?: Partial<Observed>; python?: object };
}

export type Told = Record<string, unknown>;

export interface Observed {
  events: Told[];
  sent: Told[];
  /** Notebook changes that the store of the browser gets; `all` stands for the whole notebook. */
  stored: string[];
  /** The way in which the connection is opened again. */
  reconnect: string[];
  phase: string;
  role: Role;
  pending: number;
  notebook: Record<string, string> | null;
}

export interface Conversation {
  name: string;
  after?: string;
  /** The side that is played; both if it is left out. */
  only?: 'python' | 'typescript';
  changes?: Record<string, Made>;
  steps: Played[];
}

/** Documents that record which of them a step replaces or changes. */
class Watched extends RoomDocuments {
  replaced: DocName[] = [];
  changed: DocName[] = [];

  constructor() {
    super();
    this.notebookChanged.connect((_, { loaded }) => {
      if (!loaded) {
        this.changed.push('notebook');
      }
    });
    this.runtimeChanged.connect(() => this.changed.push('runtime'));
  }

  override load(doc: DocName, epoch: string, data: Uint8Array): void {
    super.load(doc, epoch, data);
    this.replaced.push(doc);
  }

  override rebase(
    ...[made, epoch, fresh]: Parameters<RoomDocuments['rebase']>
  ): ReturnType<RoomDocuments['rebase']> {
    const rebased = super.rebase(made, epoch, fresh);
    this.replaced.push('notebook');
    return rebased;
  }
}

export class BrowserClient {
  private readonly documents = new Watched();
  private readonly session: Peer;
  private readonly names: Names;
  private readonly others = new Set<string>();
  private effects: Effect[] = [];
  private forks = 0;
  private callsMade = 0;

  constructor(conversation: Conversation) {
    this.names = new Names(conversation.changes ?? {});
    this.session = new Peer({
      replica: this.documents,
      client: 'tests',
      fork: () => new Uint8Array([0, 0, 0, ++this.forks])
    });
    this.documents.localChanged.connect((_, data) => {
      this.names.own(data);
      this.handle({ type: 'local', data });
    });
  }

  /** Does one step and returns its results. */
  step(step: Step): Observed {
    this.effects = [];
    this.documents.replaced = [];
    this.documents.changed = [];
    const { phase } = this.session;
    const frame = this.do(step);
    this.checkSynced(phase);
    const { role, unacked } = this.session.status;
    return {
      events: this.events(frame),
      sent: this.effects.flatMap(effect =>
        effect.type === 'send' ? [this.sent(effect.frame)] : []
      ),
      stored: this.effects.flatMap(effect => this.stored(effect)),
      reconnect: this.effects.flatMap(effect => (effect.type === 'reconnect' ? [effect.how] : [])),
      phase: this.session.phase,
      role,
      pending: unacked,
      notebook: this.texts()
    };
  }

  private do(step: Step): Frame | null {
    if ('open' in step) {
      this.handle({ type: 'opened' });
    } else if ('lost' in step) {
      this.handle({ type: 'lost', code: step.lost, reason: '' });
    } else if ('edit' in step) {
      this.documents.edit(draft => {
        write(draft, step.edit);
      });
    } else if ('call' in step) {
      const { call: name, args = {}, repeat = false } = step;
      const heads = this.documents.heads('notebook');
      const request = { id: ++this.callsMade, name, args, heads, repeat };
      this.handle({ type: 'call', request });
    } else if ('show' in step) {
      this.handle({ type: 'presence', state: step.show });
    } else {
      const frame = decode(encode(this.frame(step)));
      this.handle({ type: 'frame', frame });
      return frame;
    }
    return null;
  }

  private handle(event: PeerEvent): void {
    // A rebase causes local changes: the effects of these come first.
    this.effects.push(...this.session.handle(event));
  }

  private frame(step: FrameStep): Frame {
    const { names } = this;
    if ('welcome' in step) {
      return this.welcome(step.welcome);
    }
    if ('sync' in step) {
      const { sync: doc, epoch, whole, missing } = step;
      const data = names.data(whole ?? missing ?? []);
      const full = whole !== undefined;
      return { kind: 'sync', doc, epoch, full, data, heads: names.heads(step.heads) };
    }
    if ('change' in step) {
      const text = step.bytes === undefined ? null : new TextEncoder().encode(step.bytes);
      return { kind: 'change', doc: step.change, data: text ?? names.data(step.data ?? []) };
    }
    if ('ack' in step) {
      return { kind: 'ack', doc: 'notebook', heads: names.heads(step.ack) };
    }
    if ('refuse' in step) {
      const hashes = names.heads(step.refuse);
      return { kind: 'refuse', doc: 'notebook', hashes, code: step.code, reason: 'because' };
    }
    if ('reply' in step) {
      const error = step.error === undefined ? null : { code: step.error, message: 'because' };
      return { kind: 'reply', id: step.reply, result: step.result ?? null, error };
    }
    if ('event' in step) {
      return { kind: 'event', name: step.event, body: step.body };
    }
    if ('presence' in step) {
      return { kind: 'presence', session: step.presence, state: step.state };
    }
    const nothing = { protocol: PROTOCOL, client: 'tests', docs: {}, tickets: [] };
    return { kind: 'hello', peer: 'agent', ...nothing };
  }

  private welcome(how: WelcomeStep): Frame {
    const prefix = new Uint8Array(PREFIX_BYTES).fill(how.connection);
    return {
      kind: 'welcome',
      protocol: how.protocol ?? PROTOCOL,
      room: 'room',
      path: 'a.ipynb',
      server: how.server ?? 'A',
      session: `s${how.connection}`,
      user: { username: 'ana', name: 'Ana', color: null },
      role: how.role ?? 'runner',
      actor: prefix,
      proof: prefix,
      docs: {},
      limits: { frame: how.limit ?? 1 << 20, inline: 8192 },
      saved: true,
      had: this.names.heads(how.had ?? [])
    };
  }

  /** The effect `synced` comes exactly when the client becomes live. */
  private checkSynced(before: string): void {
    const told = this.effects.some(effect => effect.type === 'synced');
    if (told !== (this.session.phase === 'live' && before !== 'live')) {
      throw new Error(`synced is told from ${before} to ${this.session.phase}`);
    }
  }

  private texts(): Observed['notebook'] {
    if (this.documents.epoch('notebook') === null) {
      return null;
    }
    const { cells } = this.documents.notebook;
    return Object.fromEntries(cellOrder(cells).map(id => [id, own(cells, id)?.source ?? '']));
  }

  private stored(effect: Effect): string[] {
    if (effect.type === 'keep') {
      return this.names.chunks(effect.change);
    }
    return effect.type === 'keepAll' ? ['all'] : [];
  }

  // ------------------------------------------------------------ events

  private events(frame: Frame | null): Told[] {
    return [...this.ofFrame(frame), ...this.effects.flatMap(effect => this.event(effect))];
  }

  /** Events that the machine does not name: it changes the documents or its memory instead. */
  private ofFrame(frame: Frame | null): Told[] {
    const { replaced, changed } = this.documents;
    const remembers = this.effects.some(effect => effect.type === 'keepMemory');
    if (frame === null || this.effects.some(effect => effect.type === 'hangup')) {
      return [];
    }
    switch (frame.kind) {
      case 'welcome':
        return remembers ? [{ connected: this.session.id }] : [];
      case 'sync':
        return frame.full
          ? replaced.map(doc => ({ synced: doc, replaced: true }))
          : [{ synced: frame.doc, replaced: false }];
      case 'change':
        return changed.map(doc => ({ changed: doc }));
      case 'ack':
        return remembers ? [{ acknowledged: this.names.of(frame.heads) }] : [];
      case 'hello':
      case 'call':
      case 'reply':
      case 'refuse':
      case 'event':
      case 'presence':
        return [];
    }
  }

  private event(effect: Effect): Told[] {
    switch (effect.type) {
      case 'settle':
        return [{ 'call replied': effect.id, result: effect.result }];
      case 'fail':
        return [{ 'call replied': effect.id, error: effect.error.code }];
      case 'hangup':
        return [{ 'hang up': 'bad frame' }];
      case 'closed':
        return [{ closed: effect.fault }];
      case 'rebased': {
        const { edited, added, deleted, moved, revived, metadata, dropped } = effect.rebased;
        const ofCells = metadata.flatMap(key => (key.includes(' ') ? key.split(' ', 1) : []));
        const applied = [...edited, ...added, ...deleted, ...moved, ...revived, ...ofCells];
        return [
          {
            rebased: effect.code,
            applied: [...new Set(applied)].sort(),
            dropped: dropped.map(({ cell }) => cell).sort()
          }
        ];
      }
      case 'setAside':
        return [{ 'set aside': effect.code }];
      case 'event':
        return [{ event: effect.name }];
      case 'presence':
        this.others.add(effect.session);
        if (effect.state === null) {
          this.others.delete(effect.session);
        }
        return [{ presence: effect.session, state: effect.state }];
      case 'alone': {
        const gone = [...this.others].map(session => ({ presence: session, state: null }));
        this.others.clear();
        return gone;
      }
      case 'send':
      case 'synced':
      case 'reconnect':
      case 'keep':
      case 'keepMemory':
      case 'keepAll':
        return [];
    }
  }

  private sent(frame: Frame): Told {
    const { names } = this;
    switch (frame.kind) {
      case 'hello': {
        const docs = Object.entries(frame.docs).map(([doc, { epoch, heads }]) => [
          doc,
          [epoch, names.of(heads)]
        ]);
        const tokens = frame.tickets.map(({ prefix }) => prefix[0]);
        return { hello: Object.fromEntries(docs) as Told, tokens };
      }
      case 'change':
        return { change: names.chunks(frame.data) };
      case 'call':
        return { call: frame.name, id: frame.id, heads: names.of(frame.heads) };
      case 'presence':
        return { presence: frame.state };
      case 'welcome':
      case 'sync':
      case 'ack':
      case 'refuse':
      case 'reply':
      case 'event':
        throw new Error(`a client does not send ${frame.kind}`);
    }
  }
}

export function play(conversation: Conversation, begin: readonly Played[]): Observed[] {
  const client = new BrowserClient(conversation);
  return [...begin, ...conversation.steps].map(step => client.step(step.do));
}
