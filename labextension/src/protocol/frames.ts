/**
 * Frames: the messages of the wire as values, and their MessagePack form.
 *
 * The project's `docs/design/protocol.md` has the same in CDDL. Reading is in `decode.ts`; this
 * module does not know the effect of a frame.
 */
import { encode as pack } from '@msgpack/msgpack';

import type { DocName } from '../document/replica';

export const PROTOCOL = 1;

/** Cap of `hello`, `call` and `presence`, in bytes. */
export const SMALL_BYTES = 1 << 20;

/** Default cap of any frame, in bytes. */
export const FRAME_BYTES = 64 << 20;

/** Length of the actor prefix that the server gives to a connection. */
export const PREFIX_BYTES = 16;

export type Bytes = Uint8Array;
export type Heads = string[];
export type Role = 'viewer' | 'editor' | 'runner';
export type PeerKind = 'browser' | 'agent';
export type Held = Partial<Record<DocName, { epoch: string; heads: Heads }>>;

/** Proof that the server once gave the actor prefix to this client. */
export interface Ticket {
  prefix: Bytes;
  proof: Bytes;
}

export interface User {
  username: string;
  name: string;
  color: string | null;
}

export interface CallError {
  code: string;
  message: string;
}

/** The presence of a peer; the server fills in `user` and `kind`. */
export interface PresenceState {
  user?: User;
  kind?: string;
  /** The prefix of the actors of its changes, in hex; the server assigns it. */
  actor?: string;
  cell?: string;
  /** Automerge cursors in the text of `cell`: anchor and head of each selection. */
  cursors?: [anchor: string, head: string][];
  doing?: string;
}

export interface Hello {
  kind: 'hello';
  protocol: number;
  client: string;
  peer: PeerKind;
  docs: Held;
  tickets: Ticket[];
}

export interface Welcome {
  kind: 'welcome';
  protocol: number;
  room: string;
  path: string;
  server: string;
  session: string;
  user: User;
  role: Role;
  actor: Bytes;
  proof: Bytes;
  docs: Held;
  limits: { frame: number; inline: number };
  saved: boolean;
  /**
   * The last change by each of this client's actors in a former document, if the client named its
   * epoch: the present document contains these changes and all their ancestors.
   */
  had: Heads;
}

export interface Sync {
  kind: 'sync';
  doc: DocName;
  epoch: string;
  full: boolean;
  data: Bytes;
  heads: Heads;
}

export interface Change {
  kind: 'change';
  doc: DocName;
  data: Bytes;
}

export interface Ack {
  kind: 'ack';
  doc: DocName;
  heads: Heads;
}

export interface Refuse {
  kind: 'refuse';
  doc: DocName;
  hashes: string[];
  code: string;
  reason: string;
}

export interface Call {
  kind: 'call';
  id: number;
  name: string;
  args: Record<string, unknown>;
  heads: Heads;
}

export interface Reply {
  kind: 'reply';
  id: number;
  result: unknown;
  error: CallError | null;
}

export interface RoomEvent {
  kind: 'event';
  name: string;
  body: Record<string, unknown>;
}

export interface Presence {
  kind: 'presence';
  session: string;
  state: PresenceState | null;
}

export type Frame =
  Hello | Welcome | Sync | Change | Ack | Refuse | Call | Reply | RoomEvent | Presence;

export function encode(frame: Frame): Bytes {
  return pack(plain(frame), { ignoreUndefined: true });
}

function plain(frame: Frame): unknown[] {
  switch (frame.kind) {
    case 'hello':
      return ['hello', plainHello(frame)];
    case 'welcome':
      return ['welcome', plainWelcome(frame)];
    case 'sync':
      return ['sync', frame.doc, frame.epoch, frame.full, frame.data, frame.heads];
    case 'change':
      return ['change', frame.doc, frame.data];
    case 'ack':
      return ['ack', frame.doc, frame.heads];
    case 'refuse':
      return ['refuse', frame.doc, frame.hashes, frame.code, frame.reason];
    case 'call':
      return ['call', frame.id, frame.name, frame.args, frame.heads];
    case 'reply':
      return ['reply', frame.id, frame.result, frame.error];
    case 'event':
      return ['event', frame.name, frame.body];
    case 'presence':
      return ['presence', frame.session, frame.state];
  }
}

function plainHello(frame: Hello): Record<string, unknown> {
  return {
    protocol: frame.protocol,
    client: frame.client,
    kind: frame.peer,
    docs: plainHeld(frame.docs),
    tickets: frame.tickets.map(ticket => [ticket.prefix, ticket.proof])
  };
}

function plainWelcome(frame: Welcome): Record<string, unknown> {
  const { protocol, room, path, server, session, user, role, actor, proof } = frame;
  const { limits, saved, had } = frame;
  const docs = plainHeld(frame.docs);
  const who = { protocol, room, path, server, session, user, role, actor, proof };
  return { ...who, docs, limits, saved, had };
}

function plainHeld(docs: Held): Record<string, unknown> {
  const entries = Object.entries(docs).map(([name, held]) => [name, [held.epoch, held.heads]]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}
