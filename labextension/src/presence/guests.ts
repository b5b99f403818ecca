/** Who else is here, each person once. Pure. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { PresenceState } from '../protocol/frames';
import { colorOf, nameOf } from './places';

export interface Guest {
  name: string;
  /** As it is said: the name, and whether it is an agent. */
  title: string;
  /** A CSS colour. */
  color: string;
  /** A cell's id; null if it is not known where. */
  cell: string | null;
}

/** Everybody once, however many windows they have; by name. */
export function guestsOf(peers: Iterable<PresenceState>, trans: TranslationBundle): Guest[] {
  const guests = new Map<string, Guest>();
  for (const peer of peers) {
    const name = nameOf(peer);
    const title = peer.kind === 'agent' ? trans.__('%1 (agent)', name) : name;
    const known = guests.get(`${peer.user?.username ?? ''} ${title}`);
    const cell = known?.cell ?? peer.cell ?? null;
    guests.set(`${peer.user?.username ?? ''} ${title}`, {
      name,
      title,
      color: colorOf(peer),
      cell
    });
  }
  return [...guests.values()].sort((one, other) => one.title.localeCompare(other.title));
}

export function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter(word => word !== '');
  const ends = words.length > 1 ? [words[0], words.at(-1)] : words;
  return ends.map(word => first(word ?? '').toLocaleUpperCase()).join('') || '?';
}

function first(word: string): string {
  const code = word.codePointAt(0);
  return code === undefined ? '' : String.fromCodePoint(code);
}
