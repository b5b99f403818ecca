/**
 * Places of users in a cell's text: Automerge cursors on the wire, indices in an editor.
 *
 * A cursor names a character, not a number, so it stays right during concurrent typing.
 */
import { getCursor, getCursorPosition } from '../document/automerge';
import type { RoomDocuments } from '../document/documents';
import { own } from '../document/schema';
import type { PresenceState } from '../protocol/frames';

export interface Place {
  /** The visible name, which marks agents. */
  name: string;
  agent: boolean;
  /** Whether the user has left the cell or the page since. */
  away: boolean;
  /** A CSS colour. */
  color: string;
  anchor: number;
  head: number;
}

export interface Selected {
  anchor: number;
  head: number;
}

const COLORS = 7;

/** The presence of a peer that looks at something else. */
export const AWAY = 'away';

/** The selections of an editor as cursors; null while the cell is in no document. */
export function cursorsOf(
  documents: RoomDocuments,
  cell: string,
  ranges: readonly Selected[]
): [string, string][] | null {
  if (own(documents.notebook.cells, cell) === undefined) {
    return null;
  }
  const path = ['cells', cell, 'source'];
  const at = (index: number): string => getCursor(documents.notebook, path, index);
  return ranges.map(({ anchor, head }) => [at(anchor), at(head)]);
}

/** Returns the places of the others in a cell, without cursors that are unknown here. */
export function placesIn(
  documents: RoomDocuments,
  cell: string,
  peers: Iterable<PresenceState>
): Place[] {
  const places: Place[] = [];
  for (const peer of peers) {
    for (const cursor of peer.cell === cell ? (peer.cursors ?? []) : []) {
      const [anchor, head] = cursor.map(each => indexOf(documents, cell, each));
      if (anchor !== undefined && head !== undefined) {
        const who = { name: nameOf(peer), color: colorOf(peer) };
        places.push({ ...who, agent: isAgent(peer), away: isAway(peer), anchor, head });
      }
    }
  }
  return places;
}

export function nameOf(peer: PresenceState): string {
  return peer.user?.name ?? '';
}

export function isAgent(peer: PresenceState): boolean {
  return peer.kind === 'agent';
}

/** Whether a user has left the last published place. */
export function isAway(peer: PresenceState): boolean {
  return peer.doing === AWAY;
}

/**
 * The user's colour from the server; for an older server, a colour of the theme, the same for one
 * name everywhere.
 */
export function colorOf(peer: PresenceState): string {
  const own = peer.user?.color;
  if (own != null && own !== '') {
    return own;
  }
  let sum = 0;
  for (const letter of peer.user?.username ?? '') {
    sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  }
  return `var(--jp-runtimed-peer${(sum % COLORS) + 1})`;
}

function indexOf(documents: RoomDocuments, cell: string, cursor: string): number | undefined {
  try {
    return getCursorPosition(documents.notebook, ['cells', cell, 'source'], cursor);
  } catch {
    // The cursor refers to a change that has not arrived, or to a deleted cell.
    return undefined;
  }
}
