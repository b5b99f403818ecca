import { describe as suite, expect, it } from 'vitest';

import { isComposing } from '../../src/stdin/inputMethodKeys';

suite('isComposing', () => {
  it.each([
    ['is false for Enter', { isComposing: false, keyCode: 13 }, false],
    ['is true for Enter that ends a composition', { isComposing: true, keyCode: 13 }, true],
    [
      'is true for Enter that ends a composition in Safari',
      { isComposing: false, keyCode: 229 },
      true
    ]
  ])('%s', (_name, event, expected) => {
    expect(isComposing(event)).toBe(expected);
  });
});
