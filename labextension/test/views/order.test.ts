// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';

import { orderElements } from '../../src/views/domOrder';
import { dice } from '../document/setup';

function list(names: string[]): HTMLElement {
  const parent = document.createElement('div');
  names.forEach(name => {
    const child = document.createElement('p');
    child.id = name;
    parent.append(child);
  });
  document.body.replaceChildren(parent);
  return parent;
}

const ids = (parent: HTMLElement): string[] => [...parent.children].map(child => child.id);

describe('ordered elements', () => {
  it('reach any order without a move of the fixed element', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (let seed = 1; seed <= 100; seed++) {
      const roll = dice(seed);
      const parent = list(names);
      const left = [...parent.children] as HTMLElement[];
      const wanted = names.map(() => left.splice(roll(left.length), 1)[0] as HTMLElement);
      const fixed = wanted[roll(wanted.length)] as HTMLElement;
      const observer = new MutationObserver(() => undefined);
      observer.observe(parent, { childList: true });
      orderElements(parent, wanted, fixed);
      const moved = observer.takeRecords().flatMap(record => [...record.removedNodes]);
      expect(ids(parent)).toEqual(wanted.map(element => element.id));
      expect(moved).not.toContain(fixed);
    }
  });

  it('leave out elements that are not in the parent and keep foreign ones at the end', () => {
    const parent = list(['a', 'b', 'c', 'foreign']);
    const [a, b, c] = [...parent.children] as [HTMLElement, HTMLElement, HTMLElement];
    orderElements(parent, [c, document.createElement('p'), b, a], null);
    expect(ids(parent)).toEqual(['c', 'b', 'a', 'foreign']);
  });
});
