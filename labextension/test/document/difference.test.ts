import { beforeAll, describe, expect, it } from 'vitest';
import * as am from '../../src/document/automerge';
import { between, lacking } from '../../src/document/difference';
import type { NotebookNode } from '../../src/document/schema';
import { Agent, joined, putNew } from './agent';
import { hex, actorOf, notebookDoc, seedBytes } from './setup';

let seed: Uint8Array;

beforeAll(async () => {
  seed = (await seedBytes()).notebook;
});

function copyOf(agent: Agent<NotebookNode>, actor: number): Agent<NotebookNode> {
  return new Agent(am.clone(agent.doc, { actor: hex(actorOf(actor)) }));
}

function start(): Agent<NotebookNode> {
  const agent = new Agent(notebookDoc(seed, 1));
  agent.edit(draft => {
    ['a', 'b', 'c'].forEach((id, i) => {
      putNew(draft, id, `a${i}`, `text of ${id}`);
    });
  });
  return agent;
}

function put(agent: Agent<NotebookNode>, id: string, text: string): Uint8Array {
  return agent.edit(draft => {
    am.updateText(draft, ['cells', id, 'source'], text);
  });
}

describe('the difference between two versions', () => {
  it('lists edited, added and deleted cells from top to bottom', () => {
    const agent = start();
    const from = am.getHeads(agent.doc);
    put(agent, 'c', 'text of c!');
    agent.edit(draft => {
      delete draft.cells['b'];
      putNew(draft, 'new', 'a3', 'fresh');
    });
    const to = am.getHeads(agent.doc);
    put(agent, 'a', 'later');
    const same = { type: 'code', moved: false, other: false };
    expect(between(agent.doc, from, to)).toEqual([
      { id: 'b', before: 'text of b', after: null, ...same },
      { id: 'c', before: 'text of c', after: 'text of c!', ...same },
      { id: 'new', before: null, after: 'fresh', ...same }
    ]);
  });

  it('is null while one of the versions is unknown, and empty between equal versions', () => {
    const agent = start();
    const other = copyOf(agent, 2);
    put(other, 'a', 'elsewhere');
    expect(between(agent.doc, am.getHeads(agent.doc), am.getHeads(other.doc))).toBeNull();
    expect(between(agent.doc, am.getHeads(agent.doc), am.getHeads(agent.doc))).toEqual([]);
  });
});

describe('the edits that only a copy has', () => {
  it('are those of the copy, without concurrent edits of other peers', () => {
    const agent = start();
    const copy = copyOf(agent, 2);
    put(copy, 'a', 'text of a, mine');
    copy.edit(draft => {
      putNew(draft, 'own', 'a5', 'my cell');
    });
    put(agent, 'a', 'their text of a');
    put(agent, 'b', 'theirs');
    const found = lacking(agent.doc, am.save(copy.doc));
    expect(found.map(({ id, before, after }) => [id, before, after])).toEqual([
      ['a', 'their text of a', 'text of a, mine'],
      ['own', null, 'my cell']
    ]);
    expect(agent.doc.cells['a']?.source).toBe('their text of a');
  });

  it('are found although the histories differ', () => {
    const mine = new Agent(notebookDoc(seed, 7));
    mine.edit(draft => {
      putNew(draft, 'a', 'a0', 'another a');
    });
    const ids = lacking(start().doc, am.save(mine.doc)).map(({ id, after }) => [id, after]);
    expect(ids).toContainEqual(['a', 'another a']);
  });

  it('are none when all of them have been merged', () => {
    const agent = start();
    const copy = copyOf(agent, 2);
    const change = put(copy, 'a', 'mine');
    agent.receive(joined([change]));
    expect(lacking(agent.doc, am.save(copy.doc))).toEqual([]);
  });
});
