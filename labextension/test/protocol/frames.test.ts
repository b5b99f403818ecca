import { encode as pack } from '@msgpack/msgpack';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { BadFrame, decode } from '../../src/protocol/decode';
import type { Frame } from '../../src/protocol/frames';
import { encode, SMALL_BYTES } from '../../src/protocol/frames';

const HASH = 'ab'.repeat(32);
const USER = { username: 'ana', name: 'Ana', color: null };

const FRAMES: Frame[] = [
  {
    kind: 'hello',
    protocol: 1,
    client: 'test',
    peer: 'browser',
    docs: { notebook: { epoch: 'e1', heads: [HASH] } },
    tickets: [{ prefix: new Uint8Array(16), proof: new Uint8Array([1, 2]) }]
  },
  {
    kind: 'welcome',
    protocol: 1,
    room: 'r',
    path: 'a/b.ipynb',
    server: '0.1.0',
    session: 's',
    user: USER,
    role: 'runner',
    actor: new Uint8Array(16).fill(7),
    proof: new Uint8Array(16).fill(8),
    docs: {
      notebook: { epoch: 'e1', heads: [HASH] },
      runtime: { epoch: 'e2', heads: [] }
    },
    limits: { frame: 1 << 26, inline: 8192 },
    saved: true,
    had: [HASH]
  },
  {
    kind: 'sync',
    doc: 'runtime',
    epoch: 'e2',
    full: true,
    data: new Uint8Array([1, 2, 3]),
    heads: [HASH]
  },
  { kind: 'change', doc: 'notebook', data: new Uint8Array([9]) },
  { kind: 'ack', doc: 'notebook', heads: [HASH] },
  { kind: 'refuse', doc: 'notebook', hashes: [HASH], code: 'gap', reason: 'builds on nothing' },
  { kind: 'call', id: 3, name: 'run', args: { cells: ['a'] }, heads: [HASH] },
  { kind: 'reply', id: 3, result: { runs: ['r1'] }, error: null },
  { kind: 'reply', id: 4, result: null, error: { code: 'forbidden', message: 'no' } },
  { kind: 'event', name: 'saved', body: { hash: 'x', heads: [HASH] } },
  { kind: 'presence', session: 's', state: { user: USER, kind: 'agent', cell: 'c', doing: 'x' } },
  { kind: 'presence', session: '', state: { cell: 'c', cursors: [['1@a', '2@a']] } },
  { kind: 'presence', session: 's', state: null }
];

describe('frames', () => {
  for (const frame of FRAMES) {
    it(`a ${frame.kind} frame decodes to the value that was encoded`, () => {
      expect(decode(encode(frame))).toEqual(frame);
    });
  }

  it('a presence frame loses only its unreadable fields', () => {
    const user = { username: 5 };
    const state = { user, cell: 5, cursors: [['a']], doing: 'x', other: 1 };
    const read = { kind: 'presence', session: 's', state: { doing: 'x' } };
    expect(decode(pack(['presence', 's', state]))).toEqual(read);
    expect(decode(pack(['presence', 's', 'x']))).toEqual({ ...read, state: {} });
    expect(decode(pack(['presence', 's', { cursors: 'x', kind: 'k', cell: 'c' }]))).toEqual({
      ...read,
      state: { kind: 'k', cell: 'c' }
    });
  });

  const bad: [string, unknown][] = [
    ['a number', 7],
    ['an empty array', []],
    ['a kind that is a number', [1, 2]],
    ['an unknown kind', ['gossip', {}]],
    ['a frame that is too short', ['ack', 'notebook']],
    ['a frame that is too long', ['ack', 'notebook', [], 1]],
    ['an unknown document', ['ack', 'diary', []]],
    ['a head that is no hash', ['ack', 'notebook', ['AB']]],
    ['heads that are no list', ['ack', 'notebook', 'x']],
    ['data that is text', ['change', 'notebook', 'x']],
    ['an id below zero', ['call', -1, 'run', {}, []]],
    ['an id with a fraction', ['call', 1.5, 'run', {}, []]],
    ['arguments that are a list', ['call', 1, 'run', [], []]],
    ['an error without a code', ['reply', 1, null, { message: 'x' }]],
    ['a role that is unknown', ['welcome', { role: 'king', limits: {} }]],
    ['an event without a body', ['event', 'saved', null]],
    ['a hello without documents', ['hello', { protocol: 1, client: 'x', kind: 'browser' }]]
  ];
  for (const [what, value] of bad) {
    it(`${what} is a bad frame`, () => {
      expect(() => decode(pack(value))).toThrow(BadFrame);
    });
  }

  it('bytes that are not MessagePack are a bad frame', () => {
    expect(() => decode(new Uint8Array([0xc1]))).toThrow(BadFrame);
    expect(() => decode(new Uint8Array())).toThrow(BadFrame);
    expect(() => decode(new Uint8Array([...encode(FRAMES[4] as Frame), 0]))).toThrow(BadFrame);
  });

  it('a map with a number for a key is a bad frame', () => {
    const event = [0xa5, ...Buffer.from('event')];
    expect(() => decode(new Uint8Array([0x93, ...event, 0xa1, 0x78, 0x81, 1, 2]))).toThrow(
      BadFrame
    );
  });

  it('a frame that is cut short anywhere is a bad frame', () => {
    for (const frame of FRAMES) {
      const whole = encode(frame);
      for (let length = 0; length < whole.length; length++) {
        expect(() => decode(whole.slice(0, length))).toThrow(BadFrame);
      }
    }
  });

  it('a frame with one changed byte decodes or is a bad frame', () => {
    for (const frame of FRAMES) {
      const whole = encode(frame);
      for (let at = 0; at < whole.length; at++) {
        const broken = whole.slice();
        broken[at] = (at * 37 + 11) & 0xff;
        try {
          decode(broken);
        } catch (error) {
          expect(error).toBeInstanceOf(BadFrame);
        }
      }
    }
  });

  it('a frame above the size limit of its kind is refused', () => {
    expect(() => decode(encode(FRAMES[3] as Frame), 4)).toThrow(/cap/);
    const long = { kind: 'event', name: 'x', body: { text: 'y'.repeat(SMALL_BYTES) } } as const;
    expect(decode(encode(long))).toEqual(long);
    const call = { kind: 'call', id: 1, name: 'x', args: long.body, heads: [] } as const;
    expect(() => decode(encode({ ...call, heads: [] }))).toThrow(/cap/);
  });
});

const GOLDEN = new URL('../../../tests/golden/frames.json', import.meta.url);

describe.runIf(existsSync(GOLDEN))('golden frames', () => {
  const golden = existsSync(GOLDEN)
    ? (JSON.parse(readFileSync(GOLDEN, 'utf8')) as { name: string; hex: string }[])
    : [];
  for (const { name, hex } of golden) {
    it(`${name} decodes, and encodes to the same bytes`, () => {
      const bytes = new Uint8Array(Buffer.from(hex, 'hex'));
      expect(Buffer.from(encode(decode(bytes))).toString('hex')).toBe(hex);
    });
  }
});
