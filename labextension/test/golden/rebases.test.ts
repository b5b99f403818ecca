import { beforeAll, describe, expect, it } from 'vitest';

import { startWasm } from '../document/setup';
import { HAS_VECTORS, read, report } from './read';
import type { Case } from './rebases';
import { play } from './rebases';

interface Vectors {
  start: NonNullable<Case['start']>;
  cases: Case[];
}

describe.runIf(HAS_VECTORS)('rebase vectors', () => {
  const { start, cases } = HAS_VECTORS
    ? (read('rebase.json') as Vectors)
    : { start: [], cases: [] };

  beforeAll(async () => {
    await startWasm();
    report('OBSERVED_REBASES', () =>
      Object.fromEntries(cases.map(one => [one.name, play(one, start)]))
    );
  });

  for (const one of cases) {
    it(one.name, () => {
      const sides = { python: undefined, typescript: undefined };
      const expected = { ...one.expect, ...one.expect?.typescript, ...sides };
      expect(play(one, start)).toEqual(expected);
    });
  }
});
