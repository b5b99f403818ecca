/**
 * The writes of the notebook document, each on the draft of one change.
 *
 * All of a cell's maps are made with the cell, so two peers never create the same map.
 */
import type { ChangeSet } from '@codemirror/state';
import * as am from './automerge';
import { isFull, pieceOf, writeLater } from './largeEdits';
import { LONGEST, spread } from './fractionalIndex';
import type { CellNode, JsonMap, NotebookNode } from './schema';
import { FORBIDDEN_KEY, own } from './schema';
import { coarseDiff, cutsPair, fromText, replacement } from './text';

/** One scalar of the document that an edit may set or remove: keys of maps of JSON text, mostly. */
export type EntryPath =
  | readonly ['cells', string, 'metadata' | 'attachments', string]
  | readonly ['cells', string, 'position' | 'cell_type']
  | readonly ['metadata', string];

export function putCell(draft: NotebookNode, id: string, cell: CellNode): void {
  const large = cell.source.length > pieceOf(draft);
  draft.cells[id] = large ? { ...cell, source: '' } : cell;
  if (large) {
    changeText(draft, id, replacement(0, 0, 0, cell.source));
  }
}

export function deleteCell(draft: NotebookNode, id: string): void {
  Reflect.deleteProperty(draft.cells, id);
}

export function setText(draft: NotebookNode, id: string, source: string): void {
  const before = own(draft.cells, id)?.source ?? '';
  if (before.length + source.length > pieceOf(draft)) {
    changeText(draft, id, coarseDiff(before, source));
  } else if (before !== source) {
    am.updateText(draft, ['cells', id, 'source'], source);
  }
}

export function changeText(draft: NotebookNode, id: string, changes: ChangeSet): void {
  const pieces = piecesOf(changes, pieceOf(draft));
  // The queued write already fills this change.
  const now = pieces.length > 1 && isFull(draft) ? [] : pieces.splice(0, 1);
  now.forEach(splices => {
    write(draft, id, splices);
  });
  for (const splices of pieces) {
    writeLater(draft, next => {
      if (own(next.cells, id) !== undefined) {
        write(next, id, splices);
      }
    });
  }
}

interface TextSplice {
  at: number;
  remove: number;
  insert: string;
}

function write(draft: NotebookNode, id: string, splices: readonly TextSplice[]): void {
  for (const { at, remove, insert } of splices) {
    am.splice(draft, ['cells', id, 'source'], at, remove, insert);
  }
}

/**
 * Splits an edit into splices, each relative to the result of the former, in groups of at most
 * `most` characters.
 */
function piecesOf(changes: ChangeSet, most: number): TextSplice[][] {
  const pieces: TextSplice[][] = [];
  let room = 0;
  const add = (at: number, remove: number, insert: string): void => {
    const size = remove + insert.length;
    if (pieces.length === 0 || size > room) {
      pieces.push([]);
      room = most;
    }
    pieces.at(-1)?.push({ at, remove, insert });
    room -= size;
  };
  changes.iterChanges((fromA, toA, fromB, _toB, inserted) => {
    const insert = fromText(inserted);
    let removed = toA - fromA;
    for (; removed > 0 && removed + insert.length > most; removed -= Math.min(most, removed)) {
      add(fromB, Math.min(most, removed), '');
    }
    let at = 0;
    do {
      const end = Math.min(at + most, insert.length);
      const whole = cutsPair(insert, end) ? end - 1 : end;
      add(fromB + at, removed, insert.slice(at, whole));
      [at, removed] = [whole, 0];
    } while (at < insert.length);
  });
  return pieces;
}

/** The text of an entry, null when there is none. */
export function getEntry(notebook: NotebookNode, path: EntryPath): string | null {
  if (path[0] === 'metadata') {
    return textOf(notebook.metadata, path[1]);
  }
  const cell = own(notebook.cells, path[1]);
  if (cell === undefined) {
    return null;
  }
  return path.length === 3 ? am.read(cell[path[2]]) : textOf(cell[path[2]], path[3]);
}

/** Sets an entry, or (null) removes it. A no-op for cells that are gone. */
export function setEntry(draft: NotebookNode, path: EntryPath, text: string | null): void {
  if (getEntry(draft, path) === text) {
    return;
  }
  if (path[0] === 'metadata') {
    put(draft.metadata, path[1], text);
    return;
  }
  const cell = own(draft.cells, path[1]);
  if (cell === undefined) {
    return;
  }
  if (path.length === 4) {
    put(cell[path[2]], path[3], text);
  } else if (text !== null && am.read(cell[path[2]]) !== text) {
    // Writing an unchanged value would remove a concurrent value of another peer.
    cell[path[2]] = am.str(text);
  }
}

function textOf(map: JsonMap, key: string): string | null {
  const value = own(map, key);
  return value === undefined ? null : am.read(value);
}

function put(map: JsonMap, key: string, text: string | null): void {
  if (text === null) {
    Reflect.deleteProperty(map, key);
  } else if (key !== FORBIDDEN_KEY) {
    map[key] = am.str(text);
  }
}

const REACH = 32;

/**
 * Returns positions for `count` cells at `index` of `order`.
 *
 * If the positions would grow long, the neighbours get new positions too, so that even ten thousand
 * insertions at one place leave short positions.
 */
export function placesAt(
  draft: NotebookNode,
  order: readonly string[],
  index: number,
  count: number
): string[] {
  const low = positionAt(draft, order, index - 1) ?? '';
  const high = positionAt(draft, order, index);
  if (high === null || low < high) {
    const places = spread(low, high, count);
    if (places.every(place => place.length <= LONGEST)) {
      return places;
    }
  }
  return respread(draft, order, index, count);
}

function respread(
  draft: NotebookNode,
  order: readonly string[],
  index: number,
  count: number
): string[] {
  for (let reach = REACH; ; reach *= 4) {
    const first = Math.max(0, index - reach);
    const last = Math.min(order.length, index + reach);
    const low = positionAt(draft, order, first - 1) ?? '';
    const high = positionAt(draft, order, last);
    const all = first === 0 && last === order.length;
    if (high !== null && low >= high) {
      continue;
    }
    const around = order.slice(first, last);
    const places = spread(low, high, around.length + count);
    if (!all && places.some(place => place.length > LONGEST / 2)) {
      continue;
    }
    const made = places.splice(index - first, count);
    around.forEach((id, i) => {
      setEntry(draft, ['cells', id, 'position'], places[i] ?? null);
    });
    return made;
  }
}

function positionAt(draft: NotebookNode, order: readonly string[], index: number): string | null {
  const id = order[index];
  const cell = id === undefined ? undefined : own(draft.cells, id);
  return cell === undefined ? null : am.read(cell.position);
}
