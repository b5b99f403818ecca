import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { distinctInitials, guestsOf, initialsOf } from '../../src/presence/guests';
import type { PresenceState } from '../../src/protocol/frames';

const trans = nullTranslator.load('jupyter_runtimed');
const peer = (name: string, more: Partial<PresenceState> = {}): PresenceState => ({
  user: { username: name.toLowerCase(), name, color: null },
  kind: 'browser',
  ...more
});

describe('the list of present users', () => {
  it('has each user once, by name, with the cell of any of their windows', () => {
    const peers = [peer('Ben', { cell: 'b' }), peer('Ana'), peer('Ana', { cell: 'a' })];
    const guests = guestsOf(peers, null, trans).map(({ title, cell }) => [title, cell]);
    expect(guests).toEqual([
      ['Ana', 'a'],
      ['Ben', 'b']
    ]);
  });

  it('separates an agent from the user of the same name', () => {
    const guests = guestsOf([peer('Ana'), peer('Ana', { kind: 'agent' })], null, trans);
    expect(guests.map(({ title, agent }) => [title, agent])).toEqual([
      ['Ana', false],
      ['Ana (agent)', true]
    ]);
  });

  it('begins with the user of this page and lists their other window separately', () => {
    const ana = { username: 'ana', name: 'Ana', color: '#123456' };
    const guests = guestsOf([peer('Ben'), peer('Ana', { cell: 'a' })], ana, trans);
    expect(guests.map(({ title, self }) => [title, self])).toEqual([
      ['Ana (you)', true],
      ['Ana (you, in another window)', false],
      ['Ben', false]
    ]);
    expect(guests[0]?.color).toBe('#123456');
  });

  it('shows a user as away only if all of their windows are away', () => {
    const away = { doing: 'away', cell: 'a' };
    const [one] = guestsOf([peer('Ana', away), peer('Ana', { doing: 'editing' })], null, trans);
    const [both] = guestsOf([peer('Ana', away), peer('Ana', away)], null, trans);
    expect([one?.away, both?.away]).toEqual([false, true]);
  });

  it('gives different initials to different users', () => {
    const named = (...names: string[]): string[] => [
      ...distinctInitials(names.map((name, at) => ({ username: `u${at}`, name }))).values()
    ];
    const anonymous = ['Anonymous Carme', 'Anonymous Callirrhoe', 'Anonymous Io', 'Ana'];
    expect(new Set(named(...anonymous))).toEqual(new Set(['Car', 'Cal', 'AI', 'A']));
    expect(new Set(named('Ana Berg', 'Anna Berg', 'Ada Berg')).size).toBe(3);
    expect(named('Anonymous Io', 'Anonymous Io')).toEqual(['AI1', 'AI2']);
  });

  it.each([
    ['Ana', 'A'],
    ['Maximiliane von Hohenlohe', 'MH'],
    ['  anonymous   carme ', 'AC'],
    ['𝒜da 😀', '𝒜😀'],
    ['', '?']
  ])('shows the name "%s" with the initials "%s"', (name, initials) => {
    expect(initialsOf(name)).toBe(initials);
  });
});
