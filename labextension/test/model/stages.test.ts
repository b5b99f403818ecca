import { describe, expect, it } from 'vitest';
import { listSteps } from '../../src/model/listSteps';
import { dice } from '../document/setup';

/** The list after each stage; a new wrapper of a cell is its id with a dash. */
function follow(before: string[], after: string[], replaced: string[]): string[][] {
  const list = [...before];
  return listSteps(before, after, new Set(replaced)).map(stage => {
    switch (stage.kind) {
      case 'move':
        list.splice(stage.to, 0, ...list.splice(stage.from, 1));
        break;
      case 'insert':
        list.splice(stage.at, 0, ...stage.ids);
        break;
      case 'remove':
        list.splice(stage.at, stage.count);
        break;
      case 'replace':
        list.splice(stage.at, 1, `${list[stage.at] ?? ''}-`);
        break;
    }
    return [...list];
  });
}

describe('stages', () => {
  it('move one cell where one moved', () => {
    expect(listSteps(['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c'], new Set())).toEqual([
      { kind: 'move', from: 3, to: 0 }
    ]);
  });

  it('insert before they remove at the same place, and replace at the end', () => {
    expect(listSteps(['a', 'b', 'c'], ['a', 'x', 'c'], new Set(['c']))).toEqual([
      { kind: 'insert', at: 1, ids: ['x'] },
      { kind: 'remove', at: 2, count: 1 },
      { kind: 'replace', at: 2 }
    ]);
  });

  it('lead from any list to any other', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const roll = dice(seed);
      const shuffled = (ids: string[]): string[] => {
        const left = [...ids];
        return ids.map(() => left.splice(roll(left.length), 1)[0] ?? '');
      };
      const some = (): string[] =>
        shuffled(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].filter(() => roll(3) > 0));
      const [before, after] = [some(), some()];
      const replaced = after.filter(() => roll(4) === 0);
      const last = follow(before, after, replaced).at(-1) ?? before;
      const renewed = new Set(replaced.filter(id => before.includes(id)));
      expect(last).toEqual(after.map(id => (renewed.has(id) ? `${id}-` : id)));
    }
  });
});
