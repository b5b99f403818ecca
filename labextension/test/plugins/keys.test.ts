import { describe as suite, expect, it } from 'vitest';

import { isComposing } from '../../src/stdin/inputMethodKeys';

suite('a key', () => {
  it.each([
    ['Enter', { isComposing: false, keyCode: 13 }, false],
    ['Enter that ends a composition', { isComposing: true, keyCode: 13 }, true],
    ['Enter that ends one in Safari', { isComposing: false, keyCode: 229 }, true]
  ])('%s', (_name, event, expected) => {
    expect(isComposing(event)).toBe(expected);
  });
});
