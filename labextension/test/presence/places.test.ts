import { beforeEach, describe, expect, it } from 'vitest';

import { seed } from '../../src/document/seeds';
import { RoomNotebook } from '../../src/model/notebook';
import { colorOf, cursorsOf, placesIn } from '../../src/presence/places';
import { startWasm } from '../protocol/room';

let model: RoomNotebook;
let cell: string;

beforeEach(async () => {
  await startWasm();
  model = new RoomNotebook();
  model.documents.load('runtime', 'r', await seed('runtime'));
  model.documents.load('notebook', 'n', await seed('notebook'));
  cell = model.insertCell(0, { cell_type: 'code', source: 'one two' }).id;
});

const ANA = { username: 'ana', name: 'Ana', color: '#123456' };

function places(cursors: [string, string][]): [number, number][] {
  const peers = [{ user: ANA, cell, cursors }];
  return placesIn(model.documents, cell, peers).map(({ anchor, head }) => [anchor, head]);
}

describe('cursors of other peers', () => {
  it('resolve to the places from which they were made', () => {
    const told = cursorsOf(model.documents, cell, [
      { anchor: 0, head: 3 },
      { anchor: 7, head: 7 }
    ]);
    expect(places(told ?? [])).toEqual([
      [0, 3],
      [7, 7]
    ]);
  });

  it('stay at their words when text is typed before them', () => {
    const told = cursorsOf(model.documents, cell, [{ anchor: 4, head: 6 }]) ?? [];
    model.getCell(0).updateSource(0, 0, 'zero ');
    expect(places(told)).toEqual([[9, 11]]);
  });

  it('are left out if they are invalid', () => {
    expect(places([['1@abcd', 'nonsense']])).toEqual([]);
  });

  it('are left out if they are in another cell', () => {
    const told = cursorsOf(model.documents, cell, [{ anchor: 0, head: 0 }]) ?? [];
    const peers = [{ user: ANA, cell: 'other', cursors: told }];
    expect(placesIn(model.documents, cell, peers)).toEqual([]);
  });

  it('are null for a cell that the document lacks', () => {
    expect(cursorsOf(model.documents, 'gone', [{ anchor: 0, head: 0 }])).toBeNull();
  });

  it('have the colour of the user, or else a constant colour for the name', () => {
    expect(colorOf({ user: ANA })).toBe('#123456');
    const plain = { ...ANA, color: null };
    expect(colorOf({ user: plain })).toMatch(/^var\(--jp-runtimed-peer[1-7]\)$/);
    expect(colorOf({ user: plain })).toBe(colorOf({ user: plain }));
  });
});
