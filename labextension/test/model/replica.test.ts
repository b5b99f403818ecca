import { describe, expect, it } from 'vitest';
import * as am from '../../src/document/automerge';
import type { NotebookNode } from '../../src/document/schema';
import { Agent, joined, putNew } from '../document/agent';
import { actorOf, dice, hex, notebookDoc } from '../document/setup';
import { RoomNotebook } from '../../src/model/notebook';
import type { Peer } from './room';
import { listen, listenCell, room } from './room';

const documents = (peer: Peer): Peer['notebook']['documents'] => peer.notebook.documents;

describe('the documents of a notebook', () => {
  it('report epoch and heads, and save bytes that load as the same notebook', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const ana = r.open();
    const heads = [...am.getHeads(r.agent.doc)].sort();
    expect([documents(ana).epoch('notebook'), documents(ana).heads('notebook')]).toEqual([
      'n1',
      heads
    ]);
    expect(am.load<NotebookNode>(documents(ana).save('notebook'))).toEqual(r.agent.doc);
  });

  it('report each local change at once and return it from changesSince', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const base = documents(ana).heads('notebook');
    ana.cell('a').setSource('1');
    ana.cell('a').setSource('12');
    expect(documents(ana).changesSince(base)).toEqual(ana.unsent);
    expect(documents(ana).changesSince(documents(ana).heads('notebook'))).toEqual([]);
  });

  it('report a loaded snapshot and the changes after it as one event', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const snapshot = documents(ana).save('notebook');
    ana.notebook.addCell({ cell_type: 'markdown', source: '' });
    ana.notebook.cells[1]?.setSource('## t');
    const told: [string, string][][] = [];
    const restored = new RoomNotebook({ keepsMoved: true });
    restored.changed.connect((_, { cellsChange }) => {
      if (cellsChange !== undefined) {
        told.push(restored.cells.map(cell => [cell.cell_type, cell.getSource()]));
      }
    });
    restored.documents.load('notebook', 'n1', snapshot, ana.unsent);
    expect(told).toEqual([
      [
        ['code', ''],
        ['markdown', '## t']
      ]
    ]);
  });

  it('make changes as the actor that was set last', async () => {
    const r = await room(['a']);
    const ana = r.open();
    ana.cell('a').setSource('before');
    const cell = ana.cell('a');
    documents(ana).setActor(actorOf(999));
    cell.setSource('after');
    const [, change] = ana.unsent;
    r.sync();
    expect(hex(change ?? new Uint8Array())).toContain(hex(actorOf(999)));
    expect(ana.cell('a')).toBe(cell);
    expect(r.agent.doc.cells['a']?.source).toBe('after');
  });

  it('apply joined changes and refuse bytes that are not a change', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const one = r.agent.edit(draft => {
      putNew(draft, 'b', 'X', 'b');
    });
    const two = r.agent.edit(draft => {
      putNew(draft, 'c', 'Y', 'c');
    });
    documents(ana).apply('notebook', joined([one, two]));
    expect(ana.ids).toEqual(['a', 'b', 'c']);
    const damaged = Uint8Array.from(one);
    damaged[20] = (damaged[20] ?? 0) ^ 255;
    for (const bytes of [damaged, one.slice(0, -3), new Uint8Array([1, 2])]) {
      expect(() => {
        documents(ana).apply('notebook', bytes);
      }).toThrow();
    }
    expect(ana.ids).toEqual(['a', 'b', 'c']);
  });

  it('apply a change when the change before it has arrived', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const first = r.agent.edit(draft => {
      putNew(draft, 'b', 'X', '');
    });
    const second = r.agent.edit(draft => {
      am.splice(draft, ['cells', 'b', 'source'], 0, 0, 'text');
    });
    documents(ana).apply('notebook', second);
    expect(ana.ids).toEqual(['a']);
    documents(ana).apply('notebook', first);
    expect(ana.sources).toEqual(['', 'text']);
  });

  it('load another epoch with events for the differences only', async () => {
    const r = await room([
      { id: 'a', source: 'same' },
      { id: 'b', source: 'hello world' }
    ]);
    const ana = r.open();
    const kept = [ana.cell('a'), ana.cell('b')];
    const all = listen(ana);
    const [a, b] = kept.map(listenCell);
    const other = new Agent(notebookDoc(r.seeds.notebook, 77));
    other.edit(draft => {
      putNew(draft, 'a', '1V', 'same');
      putNew(draft, 'b', '2V', 'hello dear world');
      putNew(draft, 'c', '3V', 'new');
    });
    documents(ana).load('notebook', 'n2', am.save(other.doc));
    expect([ana.cell('a'), ana.cell('b')]).toEqual(kept);
    expect(all).toEqual([{ cellsChange: [{ retain: 2 }, { insert: [ana.cell('c')] }] }]);
    expect([a, b]).toEqual([[], [{ sourceChange: [{ retain: 6 }, { insert: 'dear ' }] }]]);
    expect([documents(ana).epoch('notebook'), ana.notebook.dirty]).toEqual(['n2', false]);
  });

  it('refuse to apply changes inside of a transaction', async () => {
    const r = await room(['a']);
    const ana = r.open();
    expect(() => {
      ana.notebook.transact(() => {
        documents(ana).apply('notebook', new Uint8Array());
      });
    }).toThrow('inside');
  });
});

describe('a rebase onto a fresh copy', () => {
  it('keeps typing, cells, moves and metadata as one change that another peer applies', async () => {
    const r = await room([
      { id: 'a', source: 'one two three' },
      { id: 'b', source: 'b' },
      { id: 'c', source: 'c' },
      { id: 'd', source: 'd' }
    ]);
    const ana = r.open();
    const base = documents(ana).heads('notebook');
    ana.cell('a').updateSource(3, 3, ' MINE');
    ana.cell('b').updateSource(1, 1, ' typed');
    ana.notebook.deleteCell(2);
    ana.notebook.moveCell(2, 0);
    ana.notebook.insertCell(4, { id: 'new', cell_type: 'markdown', source: 'added' });
    ana.cell('a').setMetadata('tags', ['x']);
    ana.notebook.setMetadata('title', 'T');
    ana.unsent = [];
    r.agent.edit(draft => {
      am.splice(draft, ['cells', 'a', 'source'], 0, 3, 'ONE');
      am.splice(draft, ['cells', 'a', 'source'], 13, 0, ' four');
      Reflect.deleteProperty(draft.cells, 'b');
    });
    const told = documents(ana).rebase(
      documents(ana).changesSince(base),
      'n1',
      am.save(r.agent.doc)
    );
    expect(ana.cell('a').getSource()).toBe('ONE MINE two three four');
    expect(ana.ids).toEqual(['d', 'a', 'b', 'new']);
    expect(ana.cell('b').getSource()).toBe('b typed');
    expect(ana.cell('a').getMetadata('tags')).toEqual(['x']);
    expect(ana.notebook.getMetadata('title')).toBe('T');
    expect(told).toEqual({
      edited: ['a'],
      added: ['new'],
      deleted: ['c'],
      moved: ['d'],
      metadata: ['a tags', 'title'],
      revived: ['b'],
      dropped: []
    });
    expect(ana.unsent).toHaveLength(1);
    r.agent.receive(joined(ana.unsent));
    expect(r.agent.doc).toEqual(documents(ana).notebook);
  });

  it('keeps typing if the copy has similar text but another history', async () => {
    const r = await room([{ id: 'a', source: 'start middle end' }]);
    const ana = r.open();
    const base = documents(ana).heads('notebook');
    ana.cell('a').updateSource(16, 16, ' MINE');
    const other = new Agent(notebookDoc(r.seeds.notebook, 78));
    other.edit(draft => {
      putNew(draft, 'a', '1V', 'START middle end');
    });
    const cell = ana.cell('a');
    documents(ana).rebase(documents(ana).changesSince(base), 'n2', am.save(other.doc));
    expect([ana.cell('a'), ana.sources]).toEqual([cell, ['START middle end MINE']]);
  });

  it.each([
    ['all of the typed text', 'start NEW middle end', 'start NEW middle end'],
    ['the beginning of the typed text', 'start NEmiddle end', 'start NEW middle end'],
    ['the end of the typed text', 'start EW middle end', 'start NEW middle end'],
    ['other words at the same place', 'start theirs middle end', 'start theirs NEW middle end'],
    ['none of the typed text and lacks the word before it', 'middle end', 'NEW middle end']
  ])('inserts no text twice if a copy with another history has %s', async (_, there, all) => {
    const r = await room([{ id: 'a', source: 'start middle end' }]);
    const ana = r.open();
    const base = documents(ana).heads('notebook');
    for (const [i, typed] of ['N', 'E', 'W', ' '].entries()) {
      ana.cell('a').updateSource(6 + i, 6 + i, typed);
    }
    const other = new Agent(notebookDoc(r.seeds.notebook, 78));
    other.edit(draft => {
      putNew(draft, 'a', '1V', there);
    });
    documents(ana).rebase(documents(ana).changesSince(base), 'n2', am.save(other.doc));
    expect(ana.sources).toEqual([all]);
  });

  it('makes no change without local edits, and reports an edit that it drops', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open();
    const base = documents(ana).heads('notebook');
    expect(
      documents(ana).rebase(documents(ana).changesSince(base), 'n1', am.save(r.agent.doc)).added
    ).toEqual([]);
    expect(ana.unsent).toEqual([]);
    ana.cell('a').setMetadata('tags', ['x']);
    r.agent.edit(draft => {
      Reflect.deleteProperty(draft.cells, 'a');
    });
    expect(
      documents(ana).rebase(documents(ana).changesSince(base), 'n1', am.save(r.agent.doc)).dropped
    ).toEqual([{ cell: 'a', reason: 'the cell was deleted by others' }]);
  });

  it.each([1, 2, 3, 4])('drops no typed text of random edits (seed %i)', async seed => {
    const roll = dice(seed);
    for (let round = 0; round < 15; round++) {
      const r = await room(['a', 'b', 'c'].map(id => ({ id, source: `text of ${id}` })));
      const ana = r.open();
      const base = documents(ana).heads('notebook');
      const typed: string[] = [];
      for (let i = 0; i < 6; i++) {
        const cell = ana.notebook.getCell(roll(ana.notebook.cells.length));
        const word = `<${round}.${i}>`;
        const at = roll(cell.getSource().length + 1);
        if (roll(4) === 0) {
          ana.notebook.insertCell(roll(4), { cell_type: 'raw', source: word });
        } else if (
          cell.getSource().startsWith('<') ||
          !/<[^>]*$/.test(cell.getSource().slice(0, at))
        ) {
          cell.updateSource(at, at, word);
        } else {
          continue;
        }
        typed.push(word);
        ana.notebook.moveCell(roll(3), roll(3));
      }
      const whole = typed.filter(word => ana.sources.some(source => source.includes(word)));
      r.agent.edit(draft => {
        for (let i = 0; i < 4; i++) {
          const id = ['a', 'b', 'c'][roll(3)] ?? '';
          const { length } = draft.cells[id]?.source ?? '';
          if (draft.cells[id] !== undefined && roll(5) === 0) {
            Reflect.deleteProperty(draft.cells, id);
          } else if (draft.cells[id] !== undefined) {
            const at = roll(length + 1);
            am.splice(draft, ['cells', id, 'source'], at, Math.min(5, length - at), 'AGENT');
          }
        }
      });
      ana.unsent = [];
      documents(ana).rebase(documents(ana).changesSince(base), 'n1', am.save(r.agent.doc));
      const lost = whole.filter(word => !ana.sources.some(source => source.includes(word)));
      expect(lost).toEqual([]);
      r.agent.receive(joined(ana.unsent));
      expect(r.agent.doc).toEqual(documents(ana).notebook);
      expect(ana.ids).toEqual(ana.documentCells.map(cell => cell.id));
    }
  });

  it('leaves the rebased typing undoable', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const ana = r.open();
    const base = documents(ana).heads('notebook');
    ana.cell('a').updateSource(1, 1, ' mine');
    r.agent.edit(draft => {
      am.splice(draft, ['cells', 'a', 'source'], 0, 0, 'theirs ');
    });
    documents(ana).rebase(documents(ana).changesSince(base), 'n1', am.save(r.agent.doc));
    expect(ana.sources).toEqual(['theirs x mine']);
    ana.cell('a').undo();
    expect(ana.sources).toEqual(['theirs x']);
  });
});
