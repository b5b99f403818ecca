import { beforeAll, describe, expect, it } from 'vitest';
import * as am from '../../src/document/automerge';
import { RoomDocuments } from '../../src/document/documents';
import type { NotebookNode } from '../../src/document/schema';
import { cellOrder } from '../../src/document/schema';
import { readable } from '../../src/document/schemaCheck';
import { RoomNotebook } from '../../src/model/notebook';
import { Agent, putNew } from './agent';
import { notebookDoc, seedBytes } from './setup';

type Loose = Record<string, unknown>;

let seeds: Awaited<ReturnType<typeof seedBytes>>;

beforeAll(async () => {
  seeds = await seedBytes();
});

function sound(): Agent<NotebookNode> {
  const agent = new Agent(notebookDoc(seeds.notebook, 1));
  agent.edit(draft => {
    draft.metadata['title'] = am.str('"t"');
    putNew(draft, 'c0', 'V', 'x = 1');
    putNew(draft, 'c1', 'f', 'y = 2');
  });
  return agent;
}

const PARTS = ['cell_type', 'position', 'source', 'metadata', 'attachments', 'extra'];
const WRONG: [string, () => unknown][] = [
  ['nothing', () => undefined],
  ['a number', () => 7],
  ['a list', () => ['x']],
  ['a map of numbers', () => ({ a: 1 })],
  ['other text', () => am.str('ü')]
];

/** Each way to break a document, by name. */
const DAMAGE = new Map<string, (draft: NotebookNode) => void>();
for (const [kind, value] of WRONG) {
  for (const part of PARTS) {
    DAMAGE.set(`${kind} as ${part}`, draft => {
      put(draft.cells['c0'] as unknown as Loose, part, value());
    });
  }
  DAMAGE.set(`${kind} as a cell`, draft => {
    put(draft.cells, 'bad', value());
  });
  for (const root of ['metadata', 'extra', 'nbformat_minor']) {
    DAMAGE.set(`${kind} as ${root}`, draft => {
      put(draft as unknown as Loose, root, value());
    });
  }
}

function put(map: Loose, key: string, value: unknown): void {
  if (value === undefined) {
    Reflect.deleteProperty(map, key);
  } else {
    map[key] = value;
  }
}

describe('a document that breaks the schema', () => {
  it.each([...DAMAGE.keys()])('shows its readable parts: %s', name => {
    const agent = sound();
    const model = opened(agent);
    model.documents.apply('notebook', agent.edit(DAMAGE.get(name) ?? (() => undefined)));
    check(model);
    const again = opened(agent);
    check(again);
    expect(again.toJSON()).toEqual(model.toJSON());
  });

  it('keeps the identity of its valid parts', () => {
    const agent = sound();
    expect(readable(agent.doc)).toBe(agent.doc);
    agent.edit(draft => {
      put(draft.cells['c0'] as unknown as Loose, 'source', undefined);
    });
    const read = readable(agent.doc);
    expect(read.cells['c1']).toBe(agent.doc.cells['c1']);
    expect(read.cells['c0']?.source).toBe('');
    expect(readable(agent.doc)).toBe(read);
  });

  it('without a map of cells shows no cells', () => {
    const agent = sound();
    agent.edit(draft => {
      put(draft as unknown as Loose, 'cells', ['x']);
    });
    const documents = new RoomDocuments();
    documents.load('notebook', 'n', am.save(agent.doc));
    expect(cellOrder(documents.notebook.cells)).toEqual([]);
  });
});

function opened(agent: Agent<NotebookNode>): RoomNotebook {
  const model = new RoomNotebook();
  model.attach({
    runtime: { epoch: 'r', data: seeds.runtime },
    notebook: { epoch: 'n', data: am.save(agent.doc) }
  });
  return model;
}

function check(model: RoomNotebook): void {
  const shown = model.toJSON();
  expect(shown.cells.map(cell => cell.source)).toContain('y = 2');
  for (const cell of model.cells) {
    cell.getMetadata();
    cell.toJSON();
  }
}
