/** The present users, each once. Pure. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { PresenceState, User } from '../protocol/frames';
import { colorOf, isAgent, isAway, nameOf } from './places';

export interface Guest {
  username: string;
  name: string;
  /** The visible name: the user's name, with a mark for an agent or for the user of this page. */
  title: string;
  /** Different for different users. */
  initials: string;
  /** A CSS colour. */
  color: string;
  /** A cell's id; null if it is not known where. */
  cell: string | null;
  agent: boolean;
  /** Whether this is the user of this page, in this window. */
  self: boolean;
  /** Whether the user looks at something else. */
  away: boolean;
}

type Named = Omit<Guest, 'initials'>;

/**
 * Returns the user of this page first, then each other user once, by name, for any number of
 * windows.
 */
export function guestsOf(
  peers: Iterable<PresenceState>,
  self: User | null,
  trans: TranslationBundle
): Guest[] {
  const guests = new Map<string, Named>();
  for (const peer of peers) {
    const key = JSON.stringify([peer.user?.username ?? '', isAgent(peer)]);
    guests.set(key, joined(guests.get(key), guestOf(peer, self, trans)));
  }
  const others = [...guests.values()].sort((one, other) => one.title.localeCompare(other.title));
  const all = self === null ? others : [ownGuest(self, trans), ...others];
  const initials = distinctInitials(all);
  return all.map(guest => ({ ...guest, initials: initials.get(guest.username) ?? '?' }));
}

function guestOf(peer: PresenceState, self: User | null, trans: TranslationBundle): Named {
  const name = nameOf(peer);
  const agent = isAgent(peer);
  const isOwn = self !== null && peer.user?.username === self.username;
  const title = agent
    ? trans.__('%1 (agent)', name)
    : isOwn
      ? trans.__('%1 (you, in another window)', name)
      : name;
  return {
    username: peer.user?.username ?? '',
    name,
    title,
    color: colorOf(peer),
    cell: peer.cell ?? null,
    agent,
    self: false,
    away: isAway(peer)
  };
}

/**
 * Joins one user's windows: the user is in a cell if one of the windows is, and away if all of them
 * are.
 */
function joined(known: Named | undefined, guest: Named): Named {
  return known === undefined
    ? guest
    : { ...guest, cell: known.cell ?? guest.cell, away: known.away && guest.away };
}

function ownGuest(user: User, trans: TranslationBundle): Named {
  const title = trans.__('%1 (you)', user.name);
  const color = colorOf({ user });
  const { username, name } = user;
  return { username, name, title, color, cell: null, agent: false, self: true, away: false };
}

export function initialsOf(name: string): string {
  const words = wordsOf(name);
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map(word => letters(word ?? '', 1).toLocaleUpperCase()).join('') || '?';
}

/**
 * Returns initials by username that distinguish these users: if first letters are equal, more
 * letters of the last word follow. Users with too similar names get a number.
 */
export function distinctInitials(
  users: readonly Pick<Guest, 'username' | 'name'>[]
): Map<string, string> {
  const names = new Map(users.map(({ username, name }) => [username, name]));
  const groups = new Map<string, string[]>();
  for (const [username, name] of names) {
    const initials = initialsOf(name);
    groups.set(initials, [...(groups.get(initials) ?? []), username]);
  }
  const found = new Map<string, string>();
  for (const [initials, alike] of groups) {
    const given = alike.length === 1 ? [initials] : told(alike.map(user => names.get(user) ?? ''));
    alike.forEach((username, at) => found.set(username, given[at] ?? '?'));
  }
  return found;
}

const MOST_LETTERS = 3;

function told(names: readonly string[]): string[] {
  for (let count = 2; count <= MOST_LETTERS; count++) {
    const short = names.map(name => letters(wordsOf(name).at(-1) ?? '', count));
    if (new Set(short).size === names.length) {
      return short;
    }
  }
  return names.map((name, at) => `${initialsOf(name)}${at + 1}`);
}

function wordsOf(name: string): string[] {
  return name.split(/\s+/).filter(word => word !== '');
}

function letters(word: string, count: number): string {
  return Array.from(word).slice(0, count).join('');
}
