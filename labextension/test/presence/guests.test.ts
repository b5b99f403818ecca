import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { guestsOf, initialsOf } from '../../src/presence/guests';
import type { PresenceState } from '../../src/protocol/frames';

const trans = nullTranslator.load('jupyter_runtimed');
const peer = (name: string, more: Partial<PresenceState> = {}): PresenceState => ({
  user: { username: name.toLowerCase(), name, color: null },
  kind: 'browser',
  ...more
});

describe('who is here', () => {
  it('is everybody once, by name, with a place if any of their windows has one', () => {
    const peers = [peer('Ben', { cell: 'b' }), peer('Ana'), peer('Ana', { cell: 'a' })];
    const guests = guestsOf(peers, trans).map(({ title, cell }) => [title, cell]);
    expect(guests).toEqual([
      ['Ana', 'a'],
      ['Ben', 'b']
    ]);
  });

  it('tells an agent from the person whose name it has', () => {
    const titles = guestsOf([peer('Ana'), peer('Ana', { kind: 'agent' })], trans).map(
      ({ title }) => title
    );
    expect(titles).toEqual(['Ana', 'Ana (agent)']);
  });

  it.each([
    ['Ana', 'A'],
    ['Maximiliane von Hohenlohe', 'MH'],
    ['  anonymous   carme ', 'AC'],
    ['𝒜da 😀', '𝒜😀'],
    ['', '?']
  ])('%s has the initials %s', (name, initials) => {
    expect(initialsOf(name)).toBe(initials);
  });
});
