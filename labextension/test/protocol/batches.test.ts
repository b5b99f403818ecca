import { describe, expect, it } from 'vitest';

import { pack, unpack } from '../../src/protocol/batches';

const FRAMES = [[], [1], [2, 3, 4]].map(bytes => new Uint8Array(bytes));
/** The bytes of Python's `pack`; tests/protocol/test_batches.py has the same. */
const BODY = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 3, 2, 3, 4]);

describe('a batch of frames', () => {
  it('has the same bytes in Python and TypeScript', () => {
    expect(pack(FRAMES)).toEqual(BODY);
    expect(unpack(BODY)).toEqual(FRAMES);
    expect(unpack(new Uint8Array())).toEqual([]);
  });

  it('is refused if it is cut short', () => {
    for (const end of [2, 7, 8, 11, 15]) {
      expect(() => unpack(BODY.slice(0, end))).toThrow('cut short');
    }
  });
});
