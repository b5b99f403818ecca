import { describe, expect, it } from 'vitest';
import { listSteps } from '../../src/model/listSteps';
import { dice } from '../document/setup';

/** Returns the list after each step; a dash after an id stands for a new wrapper. */
function applySteps(before: string[], after: string[], replaced: string[]): string[][] {
  const list = [...before];
  return listSteps(before, after, new Set(replaced)).map(step => {
    switch (step.kind) {
      case 'move':
        list.splice(step.to, 0, ...list.splice(step.from, 1));
        break;
      case 'insert':
        list.splice(step.at, 0, ...step.ids);
        break;
      case 'remove':
        list.splice(step.at, step.count);
        break;
      case 'replace':
        list.splice(step.at, 1, `${list[step.at] ?? ''}-`);
        break;
    }
    return [...list];
  });
}

describe('the steps between two cell lists', () => {
  it('move one cell if one cell moved', () => {
    expect(listSteps(['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c'], new Set())).toEqual([
      { kind: 'move', from: 3, to: 0 }
    ]);
  });

  it('insert before they remove at the same place, and replace wrappers last', () => {
    expect(listSteps(['a', 'b', 'c'], ['a', 'x', 'c'], new Set(['c']))).toEqual([
      { kind: 'insert', at: 1, ids: ['x'] },
      { kind: 'remove', at: 2, count: 1 },
      { kind: 'replace', at: 2 }
    ]);
  });

  it('lead from any list to any other list', () => {
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
      const last = applySteps(before, after, replaced).at(-1) ?? before;
      const renewed = new Set(replaced.filter(id => before.includes(id)));
      expect(last).toEqual(after.map(id => (renewed.has(id) ? `${id}-` : id)));
    }
  });
});
