/**
 * The few ways in which the notebook document is written, each on the draft of one change.
 *
 * All of a cell's maps are made with the cell, so two peers never create the same map.
 */
import type { ChangeSet } from '@codemirror/state';
import * as am from './automerge';
import { LONGEST, spread } from './positions';
import type { CellNode, JsonMap, NotebookNode } from './schema';
import { own } from './schema';
import { fromText } from './text';

/** One scalar of the document that an edit may set or remove: keys of maps of JSON text, mostly. */
export type EntryPath =
  | readonly ['cells', string, 'metadata' | 'attachments', string]
  | readonly ['cells', string, 'position' | 'cell_type']
  | readonly ['metadata', string];

export function putCell(draft: NotebookNode, id: string, cell: CellNode): void {
  draft.cells[id] = cell;
}

export function deleteCell(draft: NotebookNode, id: string): void {
  Reflect.deleteProperty(draft.cells, id);
}

export function setText(draft: NotebookNode, id: string, source: string): void {
  if (own(draft.cells, id)?.source !== source) {
    am.updateText(draft, ['cells', id, 'source'], source);
  }
}

export function changeText(draft: NotebookNode, id: string, changes: ChangeSet): void {
  changes.iterChanges((fromA, toA, fromB, _toB, inserted) => {
    am.splice(draft, ['cells', id, 'source'], fromB, toA - fromA, fromText(inserted));
  });
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
    // Writing what is shown already would remove what others set at the same time.
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
  } else {
    map[key] = am.str(text);
  }
}

const REACH = 32;

/**
 * Positions for `count` cells at `index` of `order`.
 *
 * When they would grow long, the cells around get new positions too, so that ten thousand
 * insertions at one place leave short ones.
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
