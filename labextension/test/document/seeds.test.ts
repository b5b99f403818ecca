import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/document/automerge';
import type { NotebookNode, RuntimeNode } from '../../src/document/schema';
import { seed, SEEDS } from '../../src/document/seeds';
import { startWasm } from './setup';

const PYTHON = new URL('../../../jupyter_runtimed/document/seeds.py', import.meta.url);

beforeAll(startWasm);

describe('the seed documents', () => {
  it('are the same bytes in Python and TypeScript', () => {
    const source = readFileSync(PYTHON, 'utf8');
    for (const doc of ['notebook', 'runtime'] as const) {
      expect(pythonString(source, `${doc.toUpperCase()}_SEED`)).toBe(SEEDS[doc].base64);
      expect(pythonString(source, `${doc.toUpperCase()}_SHA256`)).toBe(SEEDS[doc].sha256);
    }
  });

  it('load as empty documents of the schema', async () => {
    expect(load<NotebookNode>(await seed('notebook'))).toEqual({
      schema: 1,
      metadata: {},
      extra: {},
      cells: {}
    });
    expect(load<RuntimeNode>(await seed('runtime'))).toEqual({
      schema: 1,
      kernel: {},
      queue: [],
      cells: {},
      runs: {}
    });
  });
});

/** The value of a constant that is written as one or several adjacent string literals. */
function pythonString(source: string, name: string): string {
  const literal = new RegExp(`^${name}[^=]*= \\(?((?:\\s*"[^"]*")+)`, 'm').exec(source)?.[1] ?? '';
  return Array.from(literal.matchAll(/"([^"]*)"/g), match => match[1]).join('');
}
