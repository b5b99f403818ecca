/** The vectors in `tests/golden`, which the tests in Python and TypeScript share. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const GOLDEN = join(dirname(fileURLToPath(import.meta.url)), '../../../tests/golden');

/** Whether the vectors are present; a checkout of `labextension` alone lacks them. */
export const HAS_VECTORS = existsSync(GOLDEN);

export function read(name: string): unknown {
  return JSON.parse(readFileSync(join(GOLDEN, name), 'utf8')) as unknown;
}

/** Writes results to the file that the environment names, for `write_expectations.py`. */
export function report(variable: string, observe: () => unknown): void {
  const path = process.env[variable];
  if (path !== undefined) {
    writeFileSync(path, JSON.stringify(observe()));
  }
}
