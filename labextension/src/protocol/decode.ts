/**
 * Reads frames. Every field is checked, and a wrong one raises a `BadFrame` that names the field
 * and the frame.
 */
import { decode as unpack } from '@msgpack/msgpack';

import type { DocName } from '../document/replica';
import type {
  Ack,
  Bytes,
  Call,
  CallError,
  Change,
  Frame,
  Held,
  Hello,
  Presence,
  PresenceState,
  Refuse,
  Reply,
  Role,
  RoomEvent,
  Sync,
  Ticket,
  User,
  Welcome
} from './frames';
import { FRAME_BYTES, SMALL_BYTES } from './frames';

/** A frame that is not valid. The connection that it came from is closed. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame';
}

type Body = Record<string, unknown>;
type Reader = [length: number, read: (parts: unknown[]) => Frame];

/** Reads one frame. The size is checked before anything is unpacked. */
export function decode(data: Bytes, cap = FRAME_BYTES): Frame {
  if (data.length > cap) {
    throw new BadFrame(`a frame of ${data.length} bytes; the cap is ${cap}`);
  }
  const parts = unpacked(data);
  if (!Array.isArray(parts) || typeof parts[0] !== 'string') {
    throw new BadFrame('a frame is an array that begins with its kind');
  }
  const kind = parts[0];
  const reader = READERS.get(kind);
  if (reader === undefined) {
    throw new BadFrame(`unknown frame kind '${kind.slice(0, 40)}'; please reload`);
  }
  const [length, read] = reader;
  if (parts.length !== length) {
    throw new BadFrame(`a ${kind} frame has ${length} elements, not ${parts.length}`);
  }
  if (SMALL.has(kind) && data.length > SMALL_BYTES) {
    throw new BadFrame(`a ${kind} frame of ${data.length} bytes; the cap is ${SMALL_BYTES}`);
  }
  return read(parts);
}

function unpacked(data: Bytes): unknown {
  try {
    return unpack(data, { mapKeyConverter: textKey });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BadFrame(`not a MessagePack frame: ${why}`);
  }
}

function textKey(key: unknown): string {
  if (typeof key !== 'string') {
    throw new BadFrame('a map has a key that is not a string');
  }
  return key;
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') {
    throw new BadFrame(`${what} is not a string`);
  }
  return value;
}

function flag(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') {
    throw new BadFrame(`${what} is not true or false`);
  }
  return value;
}

function count(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new BadFrame(`${what} is not a count`);
  }
  return value;
}

function bytes(value: unknown, what: string): Bytes {
  if (!(value instanceof Uint8Array)) {
    throw new BadFrame(`${what} is not bytes`);
  }
  return value;
}

function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) {
    throw new BadFrame(`${what} is not a list`);
  }
  return value;
}

function body(value: unknown, what: string): Body {
  const plain = typeof value === 'object' && value !== null;
  if (!plain || Object.getPrototypeOf(value) !== Object.prototype) {
    throw new BadFrame(`${what} is not a map`);
  }
  return value as Body;
}

const HASH = /^[0-9a-f]{64}$/;

function hashes(value: unknown, what: string): string[] {
  return list(value, what).map(hash => {
    if (typeof hash !== 'string' || !HASH.test(hash)) {
      throw new BadFrame(`${what} holds something that is not a change hash`);
    }
    return hash;
  });
}

function doc(value: unknown, what: string): DocName {
  if (value !== 'notebook' && value !== 'runtime') {
    throw new BadFrame(`${what} is neither notebook nor runtime`);
  }
  return value;
}

function pair(value: unknown, what: string): [unknown, unknown] {
  const both = list(value, what);
  if (both.length !== 2) {
    throw new BadFrame(`${what} is not a pair`);
  }
  return [both[0], both[1]];
}

function held(value: unknown, what: string): Held {
  const docs: Held = {};
  for (const [name, entry] of Object.entries(body(value, what))) {
    const [epoch, heads] = pair(entry, `${what} ${name}`);
    docs[doc(name, what)] = {
      epoch: text(epoch, `${what} epoch`),
      heads: hashes(heads, `${what} heads`)
    };
  }
  return docs;
}

function ticket(value: unknown): Ticket {
  const [prefix, proof] = pair(value, 'ticket');
  return { prefix: bytes(prefix, 'ticket prefix'), proof: bytes(proof, 'ticket proof') };
}

function user(value: unknown, what: string): User {
  const from = body(value, what);
  return {
    username: text(from['username'], `${what} username`),
    name: text(from['name'], `${what} name`),
    color: from['color'] == null ? null : text(from['color'], `${what} color`)
  };
}

function hello(parts: unknown[]): Hello {
  const from = body(parts[1], 'hello');
  const peer = from['kind'];
  if (peer !== 'browser' && peer !== 'agent') {
    throw new BadFrame('hello kind is neither browser nor agent');
  }
  return {
    kind: 'hello',
    protocol: count(from['protocol'], 'hello protocol'),
    client: text(from['client'], 'hello client'),
    peer,
    docs: held(from['docs'], 'hello docs'),
    tickets: list(from['tickets'], 'hello tickets').map(ticket)
  };
}

function role(value: unknown): Role {
  if (value !== 'viewer' && value !== 'editor' && value !== 'runner') {
    throw new BadFrame('welcome role is unknown; please reload');
  }
  return value;
}

function welcome(parts: unknown[]): Welcome {
  const from = body(parts[1], 'welcome');
  const limits = body(from['limits'], 'welcome limits');
  return {
    kind: 'welcome',
    protocol: count(from['protocol'], 'welcome protocol'),
    room: text(from['room'], 'welcome room'),
    path: text(from['path'], 'welcome path'),
    server: text(from['server'], 'welcome server'),
    session: text(from['session'], 'welcome session'),
    user: user(from['user'], 'welcome user'),
    role: role(from['role']),
    actor: bytes(from['actor'], 'welcome actor'),
    proof: bytes(from['proof'], 'welcome proof'),
    docs: held(from['docs'], 'welcome docs'),
    limits: {
      frame: count(limits['frame'], 'welcome frame limit'),
      inline: count(limits['inline'], 'welcome inline limit')
    },
    saved: flag(from['saved'], 'welcome saved'),
    had: hashes(from['had'] ?? [], 'welcome had')
  };
}

function callError(value: unknown): CallError | null {
  if (value === null) {
    return null;
  }
  const from = body(value, 'reply error');
  return {
    code: text(from['code'], 'reply error code'),
    message: text(from['message'], 'reply error message')
  };
}

/**
 * Reads the presence of others without its unreadable parts, because a fault in presence must not
 * end the connection.
 */
function presenceState(value: unknown): PresenceState | null {
  if (value === null) {
    return null;
  }
  const from = readable(() => body(value, 'presence state')) ?? {};
  const state: PresenceState = {};
  const who = readable(() => user(from['user'], 'presence user'));
  if (who !== undefined) {
    state.user = who;
  }
  for (const key of ['kind', 'actor', 'cell', 'doing'] as const) {
    const said = from[key];
    if (typeof said === 'string') {
      state[key] = said;
    }
  }
  const cursors = readable(() => list(from['cursors'], 'presence cursors').map(cursor));
  if (cursors !== undefined) {
    state.cursors = cursors;
  }
  return state;
}

function cursor(value: unknown): [anchor: string, head: string] {
  const [anchor, head] = pair(value, 'presence cursor');
  return [text(anchor, 'presence anchor'), text(head, 'presence head')];
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadFrame) {
      return undefined;
    }
    throw error;
  }
}

function sync(parts: unknown[]): Sync {
  return {
    kind: 'sync',
    doc: doc(parts[1], 'sync document'),
    epoch: text(parts[2], 'sync epoch'),
    full: flag(parts[3], 'sync full'),
    data: bytes(parts[4], 'sync data'),
    heads: hashes(parts[5], 'sync heads')
  };
}

function change(parts: unknown[]): Change {
  return {
    kind: 'change',
    doc: doc(parts[1], 'change document'),
    data: bytes(parts[2], 'change data')
  };
}

function ack(parts: unknown[]): Ack {
  return {
    kind: 'ack',
    doc: doc(parts[1], 'ack document'),
    heads: hashes(parts[2], 'ack heads')
  };
}

function refuse(parts: unknown[]): Refuse {
  return {
    kind: 'refuse',
    doc: doc(parts[1], 'refuse document'),
    hashes: hashes(parts[2], 'refuse hashes'),
    code: text(parts[3], 'refuse code'),
    reason: text(parts[4], 'refuse reason')
  };
}

function call(parts: unknown[]): Call {
  return {
    kind: 'call',
    id: count(parts[1], 'call id'),
    name: text(parts[2], 'call name'),
    args: body(parts[3], 'call args'),
    heads: hashes(parts[4], 'call heads')
  };
}

function reply(parts: unknown[]): Reply {
  return {
    kind: 'reply',
    id: count(parts[1], 'reply id'),
    result: parts[2],
    error: callError(parts[3])
  };
}

function event(parts: unknown[]): RoomEvent {
  return {
    kind: 'event',
    name: text(parts[1], 'event name'),
    body: body(parts[2], 'event body')
  };
}

function presence(parts: unknown[]): Presence {
  return {
    kind: 'presence',
    session: text(parts[1], 'presence session'),
    state: presenceState(parts[2])
  };
}

const SMALL = new Set(['hello', 'call', 'presence']);

const READERS = new Map<string, Reader>([
  ['hello', [2, hello]],
  ['welcome', [2, welcome]],
  ['sync', [6, sync]],
  ['change', [3, change]],
  ['ack', [3, ack]],
  ['refuse', [5, refuse]],
  ['call', [5, call]],
  ['reply', [4, reply]],
  ['event', [3, event]],
  ['presence', [3, presence]]
]);
