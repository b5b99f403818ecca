/** Each rule of `dependency-cruiser.config.mjs` detects a violation. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ICruiseResult } from 'dependency-cruiser';
import { cruise } from 'dependency-cruiser';
import extractDepcruiseConfig from 'dependency-cruiser/config-utl/extract-depcruise-config';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'layers-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** Returns the names of the rules that the files in the folder break. */
async function broken(): Promise<string[]> {
  const { forbidden = [] } = await extractDepcruiseConfig('./dependency-cruiser.config.mjs');
  const options = { ruleSet: { forbidden }, validate: true, baseDir: folder };
  const { output } = await cruise(['src'], { ...options, tsPreCompilationDeps: true });
  return (output as ICruiseResult).summary.violations.map(({ rule }) => rule.name);
}

describe('the layer rules', () => {
  it.each([
    ['document', 'protocol/a'],
    ['editor', 'model/a'],
    ['editor', 'protocol/a'],
    ['protocol', 'peer/a'],
    ['stdin', 'connection/a'],
    ['model', 'views/a'],
    ['model', 'peer/a'],
    ['peer', 'connection/a'],
    ['connection', 'rooms/a'],
    ['views', 'tokens'],
    ['presence', 'plugins/a'],
    ['rooms', 'widgets/a'],
    ['widgets', 'plugins/a'],
    ['plugins', 'index']
  ])('forbid that %s/ imports %s.ts', async (from, to) => {
    write(`src/${to}.ts`, 'export type A = string;');
    write(`src/${from}/b.ts`, `import type { A } from '../${to}';\nexport type B = A;`);
    expect(await broken()).toContain(`${from} imports lower layers only`);
  });

  it('forbid that tokens.ts imports a higher layer', async () => {
    write('src/rooms/a.ts', 'export type A = string;');
    write('src/tokens.ts', "import type { A } from './rooms/a';\nexport type B = A;");
    expect(await broken()).toEqual(['tokens.ts imports lower layers only']);
  });

  it('allow an import of a lower layer', async () => {
    write('src/document/a.ts', 'export type A = string;');
    write('src/plugins/b.ts', "import type { A } from '../document/a';\nexport type B = A;");
    expect(await broken()).toEqual([]);
  });

  it('forbid a cycle inside of a folder', async () => {
    write('src/model/a.ts', "import type { B } from './b';\nexport type A = B[];");
    write('src/model/b.ts', "import type { A } from './a';\nexport type B = A[];");
    expect(await broken()).toContain('no circles');
  });

  it('forbid a folder without a layer', async () => {
    write('src/document/a.ts', 'export type A = string;');
    write('src/helpers/b.ts', "import type { A } from '../document/a';\nexport type B = A;");
    expect(await broken()).toEqual(['each folder has a layer']);
  });

  it('forbid a second import of Automerge', async () => {
    write('node_modules/@automerge/automerge/package.json', '{ "main": "index.js" }');
    write('node_modules/@automerge/automerge/index.js', '');
    write('src/document/a.ts', "import '@automerge/automerge';");
    expect(await broken()).toEqual(['one door to Automerge']);
  });
});
