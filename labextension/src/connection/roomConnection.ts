/**
 * The connection of one open notebook: the shell around its peer. It carries out the peer's effects
 * and publishes the results as promises and signals.
 */
import { PromiseDelegate } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { Rebased, Replica } from '../document/replica';
import { BadFrame, decode } from '../protocol/decode';
import type { Effect, Memory, PeerEvent, Status } from '../peer/effects';
import type { CallError, Heads, PresenceState, User } from '../protocol/frames';
import { encode } from '../protocol/frames';
import { Peer } from '../peer/peer';
import type { Api } from './api';
import type { Hindrance } from './responses';
import { ApiError, faultOf, hindranceOf } from './responses';
import { OfflineCopy } from './offlineCopy';
import type { Target } from './reconnectingSocket';
import { ReconnectingSocket } from './reconnectingSocket';
import { Polling } from './polling';
import type { StoredNotebook, OfflineStore } from './offlineStore';
import { openSocket } from './transport';

/**
 * A call that was not carried out; `code` is one of the protocol's, or `offline`, or
 * `connection-lost`.
 */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly code: string;

  constructor(error: CallError) {
    super(error.message);
    this.code = error.code;
  }
}

export interface RoomConnectionOptions {
  path: string;
  api: Api;
  replica: Replica;
  client: string;
  /** Resolves when the replica can be filled. */
  started: Promise<void>;
  /** Null if the browser stores nothing. */
  store: Promise<OfflineStore | null>;
}

export interface RoomNotice {
  name: string;
  body: Record<string, unknown>;
}

/** Local edits that conflicted with the state of the server. */
export type RoomConflict =
  | { kind: 'rebased'; rebased: Rebased; code: string; reason: string }
  | { kind: 'set-aside'; code: string; reason: string; data: Uint8Array };

/** The state of the route to the room, beside the state of the peer. */
export interface Line {
  /** The obstacle; null if none is known. */
  hindrance: Hindrance | null;
  /** The path of the WebSocket that a proxy blocks, so that slower HTTP is used. */
  blocked: string | null;
  /** Whether this browser stores edits, so that they outlive the page. */
  keeps: boolean;
}

export interface CallOptions {
  /** Notebook heads that the call needs; the present heads if left out. */
  heads?: Heads;
  /** Whether repeating the call has no further effect. */
  repeat?: boolean;
}

const NO_MEMORY: Memory = { shared: [], tickets: [] };

export class RoomConnection implements IDisposable {
  /** The presence of the other sessions, by session. */
  readonly peers = new Map<string, PresenceState>();

  private readonly link: ReconnectingSocket;
  private readonly replica: Replica;
  private session: Peer;
  private keeper: OfflineCopy | null = null;
  private keeps = true;
  private room: string | null = null;
  private knownPath: string;
  private mustOpen = true;
  private restored = false;
  private hindrance: Hindrance | null = null;
  private serverStarted: Promise<string | null> | null = null;
  private calls = new Map<number, PromiseDelegate<unknown>>();
  private nextCall = 1;
  private disposed = false;
  private ownPresence: PresenceState | null = null;
  private readonly readyPromise = new PromiseDelegate<undefined>();
  private readonly status_ = new Signal<this, Status>(this);
  private readonly noticed_ = new Signal<this, RoomNotice>(this);
  private readonly conflicted_ = new Signal<this, RoomConflict>(this);
  private readonly presence_ = new Signal<this, undefined>(this);

  constructor(private readonly options: RoomConnectionOptions) {
    this.replica = options.replica;
    this.knownPath = options.path;
    this.session = this.newSession(NO_MEMORY);
    this.readyPromise.promise.catch(() => undefined);
    this.replica.localChanged.connect(this.onLocalChange);
    const { api } = options;
    this.link = new ReconnectingSocket({
      target: () => this.target(),
      socket: (room, events) => openSocket(api.settings.WebSocket, api.socketUrl(room), events),
      polling: (room, events) => new Polling(api, room, events),
      reach: api.reach,
      opened: () => {
        this.handle({ type: 'opened' });
      },
      received: data => {
        this.receive(data);
      },
      lost: (code, reason, wasOpen) => {
        this.mustOpen ||= !wasOpen;
        this.handle({ type: 'lost', code, reason });
      },
      failed: error => {
        this.failed(error);
      }
    });
    void options.store.then(store => {
      if (store === null) {
        this.keepsNothing();
      }
    });
    this.link.connect();
  }

  /** Resolves when the notebook is loaded. Rejects when it cannot be opened. */
  get ready(): Promise<void> {
    return this.readyPromise.promise;
  }

  get status(): Status {
    return this.session.status;
  }

  get line(): Line {
    const { room, hindrance, link, keeps } = this;
    const slower = link.transport === 'http' && room !== null;
    const blocked = slower ? new URL(this.options.api.socketUrl(room)).pathname : null;
    return { hindrance, blocked, keeps };
  }

  /** A page where the user can log in again. */
  get loginUrl(): string {
    return this.options.api.loginUrl;
  }

  /** The room's id; null until it is known. */
  get id(): string | null {
    return this.room;
  }

  get path(): string {
    return this.session.path === '' ? this.knownPath : this.session.path;
  }

  get user(): User | null {
    return this.session.user;
  }

  get statusChanged(): ISignal<this, Status> {
    return this.status_;
  }

  /** Events of the room: saved, moved, deleted and the like. */
  get noticed(): ISignal<this, RoomNotice> {
    return this.noticed_;
  }

  get conflicted(): ISignal<this, RoomConflict> {
    return this.conflicted_;
  }

  get presenceChanged(): ISignal<this, undefined> {
    return this.presence_;
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  dispose(): void {
    if (this.disposed) {
      return;
    }
    this.disposed = true;
    this.replica.localChanged.disconnect(this.onLocalChange);
    this.link.dispose();
    this.handle({ type: 'close', fault: 'closed' });
    this.readyPromise.reject(new Error('The notebook was closed'));
    Signal.clearData(this);
  }

  async call(
    name: string,
    args: Record<string, unknown>,
    { heads = this.replica.heads('notebook'), repeat = false }: CallOptions = {}
  ): Promise<unknown> {
    const id = this.nextCall++;
    const answer = new PromiseDelegate<unknown>();
    this.calls.set(id, answer);
    this.handle({ type: 'call', request: { id, name, args, heads, repeat } });
    return await answer.promise;
  }

  /** The presence that this session published last. */
  get presence(): PresenceState | null {
    return this.ownPresence;
  }

  setPresence(state: PresenceState | null): void {
    this.ownPresence = state;
    this.handle({ type: 'presence', state });
  }

  /** Reconnects at once after a close whose reason may have passed. */
  reopen(): void {
    if (this.session.phase === 'closed' && !this.disposed) {
      this.session = this.newSession(this.session.memory);
      this.mustOpen = true;
      this.link.connect();
      this.status_.emit(this.status);
    }
  }

  // ------------------------------------------------------------ finding the room

  private async target(): Promise<Target> {
    const { api } = this.options;
    if (this.room === null || this.mustOpen) {
      const [{ room, path }, isOther] = await Promise.all([
        api.openRoom(this.path),
        this.isOtherServer(),
        this.options.started
      ]);
      this.mustOpen = false;
      if (isOther) {
        this.handle({ type: 'restarted' });
      }
      this.knownPath = path;
      await this.enter(room);
      return { room, answered: true };
    }
    return { room: this.room, answered: false };
  }

  /** Whether the server was restarted since the last request. The first answer is not awaited. */
  private async isOtherServer(): Promise<boolean> {
    const before = this.serverStarted;
    const answer = this.options.api.startedAt();
    this.serverStarted = answer.then(async said => said ?? (await before));
    if (before === null) {
      return false;
    }
    const [then, now] = await Promise.all([before, answer]);
    return then !== null && now !== null && then !== now;
  }

  /** Loads the stored notebook of this room, unless it is already open. */
  private async enter(room: string | null): Promise<void> {
    if (room === null || this.room === room) {
      return;
    }
    this.room = room;
    const store = await this.options.store;
    if (store === null || this.disposed) {
      return;
    }
    const kept = store.room(room);
    const found = await kept.load().catch(() => null);
    if (this.isDisposed) {
      return;
    }
    const isFirst = this.replica.epoch('notebook') === null;
    this.restored = found !== null && isFirst && this.restore(found);
    this.keeper = new OfflineCopy(kept, this.keepable(), {
      hasSnapshot: this.restored,
      failed: () => {
        this.keepsNothing();
      }
    });
  }

  private keepsNothing(): void {
    this.keeps = false;
    if (!this.disposed) {
      this.status_.emit(this.status);
    }
  }

  private restore({ epoch, snapshot, changes, memory }: StoredNotebook): boolean {
    try {
      this.replica.load('notebook', epoch, snapshot, changes);
      this.session = this.newSession(memory);
      return true;
    } catch (error) {
      console.warn('What this browser kept of the notebook cannot be read:', error);
      return false;
    }
  }

  private keepable(): ConstructorParameters<typeof OfflineCopy>[1] {
    const { replica } = this;
    const session = (): Peer => this.session;
    const path = (): string => this.path;
    return {
      get path() {
        return path();
      },
      get epoch() {
        return replica.epoch('notebook');
      },
      get memory() {
        return session().memory;
      },
      save: () => replica.save('notebook')
    };
  }

  private failed(error: unknown): void {
    const fault = faultOf(error);
    if (fault !== null) {
      this.handle({ type: 'close', fault });
      this.readyPromise.reject(error);
      return;
    }
    if (
      error instanceof ApiError &&
      this.replica.epoch('notebook') === null &&
      error.own &&
      !error.login &&
      error.status < 500
    ) {
      this.readyPromise.reject(error);
    }
    void this.openKept();
    this.link.retry();
    void this.explain(error);
  }

  /** Finds the obstacle, publishes it, and removes it if this needs no user. */
  private async explain(error: unknown): Promise<void> {
    const { api } = this.options;
    const better = await api.explain(error);
    if (better === null || this.session.phase === 'live' || this.disposed) {
      return;
    }
    const hindrance = hindranceOf(better);
    if (hindrance.kind === 'login' && (await api.renewLogin())) {
      this.link.connect();
      return;
    }
    this.hinder(hindrance);
  }

  private hinder(hindrance: Hindrance | null): void {
    if (JSON.stringify(hindrance) !== JSON.stringify(this.hindrance) && !this.disposed) {
      this.hindrance = hindrance;
      this.status_.emit(this.status);
    }
  }

  /**
   * Opens the stored notebook of an earlier visit for edits, because the server cannot be reached.
   */
  private async openKept(): Promise<void> {
    const [store] = await Promise.all([this.options.store, this.options.started]);
    if (this.room === null && store !== null) {
      const room = await store.roomAt(this.knownPath).catch(() => null);
      await this.enter(room ?? this.room);
      this.mustOpen = true;
    }
    if (this.restored) {
      this.readyPromise.resolve(undefined);
      this.status_.emit(this.status);
    }
  }

  // ------------------------------------------------------------ the session

  private newSession(memory: Memory): Peer {
    const session = new Peer({
      replica: this.options.replica,
      client: this.options.client,
      fork: () => crypto.getRandomValues(new Uint8Array(4)),
      memory
    });
    // Presence that was set before the stored notebook was read.
    session.handle({ type: 'presence', state: this.ownPresence });
    return session;
  }

  private readonly onLocalChange = (_: Replica, data: Uint8Array): void => {
    this.handle({ type: 'local', data });
  };

  private receive(data: Uint8Array): void {
    try {
      this.handle({ type: 'frame', frame: decode(data) });
    } catch (error) {
      if (!(error instanceof BadFrame)) {
        throw error;
      }
      this.link.hangup(4400, error.message.slice(0, 100));
    }
  }

  private handle(event: PeerEvent): void {
    const before = JSON.stringify(this.session.status);
    this.session.handle(event).forEach(effect => {
      this.do(effect);
    });
    if (JSON.stringify(this.session.status) !== before && !this.disposed) {
      this.status_.emit(this.session.status);
    }
  }

  private do(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.link.send(encode(effect.frame));
        break;
      case 'settle':
        this.take(effect.id)?.resolve(effect.result);
        break;
      case 'fail':
        this.take(effect.id)?.reject(new CallFailed(effect.error));
        break;
      case 'synced':
        this.link.settle();
        this.hinder(null);
        this.readyPromise.resolve(undefined);
        break;
      case 'hangup':
        this.link.hangup(effect.code, effect.reason);
        break;
      case 'reconnect':
        this.reconnect(effect.how);
        break;
      case 'closed':
        this.readyPromise.reject(new Error(`The notebook cannot be opened: ${effect.fault}`));
        break;
      case 'keep':
        this.keeper?.keep(effect.change);
        break;
      case 'keepAll':
        this.keeper?.keepAll();
        break;
      case 'keepMemory':
        this.keeper?.keepMemory();
        break;
      case 'rebased':
        this.conflicted_.emit({ ...effect, kind: 'rebased' });
        break;
      case 'setAside':
        this.setAside(effect.data, effect.code, effect.reason);
        break;
      case 'event':
        this.noticed_.emit({ name: effect.name, body: effect.body });
        break;
      case 'presence':
        this.meet(effect.session, effect.state);
        break;
      case 'alone':
        this.meet(null, null);
        break;
    }
  }

  private take(id: number): PromiseDelegate<unknown> | undefined {
    const answer = this.calls.get(id);
    this.calls.delete(id);
    return answer;
  }

  private reconnect(how: 'now' | 'backoff' | 'reopen'): void {
    if (this.restored) {
      this.readyPromise.resolve(undefined);
    }
    this.mustOpen ||= how === 'reopen';
    if (how === 'now') {
      this.link.connect();
    } else {
      // This also covers reopening: the first wait is short, and a room that cannot stay open
      // causes no loop.
      this.link.retry();
    }
  }

  private meet(session: string | null, state: PresenceState | null): void {
    if (session === null) {
      this.peers.clear();
    } else if (state === null) {
      this.peers.delete(session);
    } else {
      this.peers.set(session, state);
    }
    this.presence_.emit(undefined);
  }

  private setAside(data: Uint8Array, code: string, reason: string): void {
    const { path } = this;
    const room = this.room ?? '';
    void this.options.store
      .then(store => store?.setAside({ room, path, data, reason, at: Date.now() }))
      .catch((error: unknown) => {
        console.warn('Refused edits could not be put aside:', error);
      })
      .then(() => {
        this.conflicted_.emit({ kind: 'set-aside', code, reason, data });
      });
  }
}
