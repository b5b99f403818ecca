/** Merges of concurrent edits by users, an agent and the server. */
import { describe, expect, it } from 'vitest';
import * as am from '../../src/document/automerge';
import { putNew, putRun, stream } from '../document/agent';
import type { Peer, Room } from './room';
import { nextCommand, room } from './room';

/** Asserts that all peers and the agent have the same document, and that the wrappers show it. */
function assertConverged(r: Room): void {
  const [first] = r.peers;
  for (const peer of r.peers) {
    expect(peer.documentCells).toEqual(first?.documentCells);
    expect(peer.ids).toEqual(peer.documentCells.map(cell => cell.id));
    expect(peer.notebook.documents.heads('notebook')).toEqual([...am.getHeads(r.agent.doc)].sort());
  }
}

async function twoPeers(
  ...cells: NonNullable<Parameters<typeof room>[0]>
): Promise<{ r: Room; ana: Peer; bo: Peer }> {
  const r = await room(cells);
  return { r, ana: r.open(), bo: r.open() };
}

describe('concurrent edits', () => {
  it('insertions of two peers at the same place keep both cells in one order', async () => {
    const { r, ana, bo } = await twoPeers('a', 'b');
    ana.notebook.insertCell(1, { cell_type: 'code', source: 'from ana' });
    bo.notebook.insertCell(1, { cell_type: 'code', source: 'from bo' });
    r.sync();
    assertConverged(r);
    expect(ana.sources.slice(1, 3).sort()).toEqual(['from ana', 'from bo']);
    expect([ana.ids[0], ana.ids[3]]).toEqual(['a', 'b']);
  });

  it('edits of a user and an agent in one cell merge by character', async () => {
    const { r, ana } = await twoPeers({ id: 'a', source: 'plot(x)' });
    ana.cell('a').updateSource(0, 0, 'plt.');
    r.agentEdits(draft => {
      am.splice(draft, ['cells', 'a', 'source'], 6, 0, ', y');
    });
    r.sync();
    assertConverged(r);
    expect(ana.sources).toEqual(['plt.plot(x, y)']);
  });

  it('two deletions of one cell delete it once', async () => {
    const { r, ana, bo } = await twoPeers('a', 'b', 'c');
    ana.notebook.deleteCell(1);
    bo.notebook.deleteCell(1);
    r.sync();
    assertConverged(r);
    expect(ana.ids).toEqual(['a', 'c']);
  });

  it('a move and an edit of one cell both apply', async () => {
    const { r, ana, bo } = await twoPeers({ id: 'a', source: 'one' }, 'b', 'c');
    ana.notebook.moveCell(0, 2);
    bo.cell('a').updateSource(3, 3, ' two');
    r.sync();
    assertConverged(r);
    expect(ana.ids).toEqual(['b', 'c', 'a']);
    expect(bo.sources[2]).toBe('one two');
  });

  it('two moves of one cell leave it once, at one of the two places', async () => {
    const { r, ana, bo } = await twoPeers('a', 'b', 'c', 'd');
    ana.notebook.moveCell(0, 1);
    bo.notebook.moveCell(0, 3);
    r.sync();
    assertConverged(r);
    expect([...ana.ids].sort()).toEqual(['a', 'b', 'c', 'd']);
    expect([1, 3]).toContain(ana.ids.indexOf('a'));
  });

  it('a deletion wins over typing, is reported to the typing user, and is undone with the typed text', async () => {
    const { r, ana, bo } = await twoPeers('a', { id: 'b', source: 'x = 1' }, 'c');
    const lost: string[] = [];
    bo.notebook.cellLost.connect((_, id) => lost.push(id));
    ana.notebook.deleteCell(1);
    bo.cell('b').updateSource(5, 5, '23');
    r.sync();
    assertConverged(r);
    expect(bo.ids).toEqual(['a', 'c']);
    expect(lost).toEqual(['b']);
    expect(bo.notebook.undo()).toBe(true);
    r.sync();
    assertConverged(r);
    expect(ana.ids).toEqual(['a', 'b', 'c']);
    expect(ana.sources[1]).toBe('x = 123');
  });

  it('a deletion of a cell without local edits is neither reported nor undoable', async () => {
    const { r, ana, bo } = await twoPeers('a', 'b');
    const lost: string[] = [];
    bo.notebook.cellLost.connect((_, id) => lost.push(id));
    ana.notebook.deleteCell(0);
    r.sync();
    expect([lost, bo.notebook.canUndo()]).toEqual([[], false]);
  });

  it('a split and typing keep the typed text in one of the two cells', async () => {
    for (const at of [2, 14]) {
      const { r, ana, bo } = await twoPeers({ id: 'a', source: 'upper = 1\nlower = 2' });
      ana.notebook.transact(() => {
        ana.notebook.insertCells(0, [{ cell_type: 'code', source: 'upper = 1' }]);
        ana.cell('a').setSource('lower = 2');
      });
      bo.cell('a').updateSource(at, at, 'TYPED');
      r.sync();
      assertConverged(r);
      expect(ana.sources).toHaveLength(2);
      expect(ana.sources.filter(source => source.includes('TYPED'))).toHaveLength(1);
    }
  });

  it('a merge of two cells keeps text that is typed in the remaining cell', async () => {
    const { r, ana, bo } = await twoPeers(
      { id: 'a', source: 'x = 1' },
      { id: 'b', source: 'y = 2' }
    );
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(0);
      ana.notebook.insertCell(0, { cell_type: 'code', source: 'x = 1\n\ny = 2' });
      ana.notebook.deleteCell(1);
    });
    bo.cell('a').updateSource(5, 5, '00');
    r.sync();
    assertConverged(r);
    expect(bo.sources).toEqual(['x = 100\n\ny = 2']);
  });

  it('a merge of two cells deletes a cell with typing, and undo restores the cell with the typed text', async () => {
    const { r, ana, bo } = await twoPeers(
      { id: 'a', source: 'x = 1' },
      { id: 'b', source: 'y = 2' }
    );
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(0);
      ana.notebook.insertCell(0, { cell_type: 'code', source: 'x = 1\n\ny = 2' });
      ana.notebook.deleteCell(1);
    });
    bo.cell('b').updateSource(5, 5, '00');
    r.sync();
    assertConverged(r);
    bo.notebook.undo();
    r.sync();
    assertConverged(r);
    expect(ana.sources).toEqual(['x = 1\n\ny = 2', 'y = 200']);
  });

  it('a change of type and typing in one cell both apply', async () => {
    const { r, ana, bo } = await twoPeers({ id: 'a', source: 'title' });
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(0);
      ana.notebook.insertCell(0, { id: 'a', cell_type: 'markdown', source: '# title' });
    });
    bo.cell('a').updateSource(5, 5, ' of it all');
    r.sync();
    assertConverged(r);
    expect(bo.documentCells).toEqual([{ id: 'a', type: 'markdown', source: '# title of it all' }]);
    expect(bo.cell('a').cell_type).toBe('markdown');
  });

  it('typing at the start of a cell and additions of an agent at its end both apply', async () => {
    const { r, ana } = await twoPeers({ id: 'a', source: 'x' });
    for (let i = 0; i < 5; i++) {
      ana.cell('a').updateSource(i, i, String(i));
      r.agentEdits(draft => {
        const end = draft.cells['a']?.source.length ?? 0;
        am.splice(draft, ['cells', 'a', 'source'], end, 0, 'abcde'.charAt(i));
      });
      if (i % 2 === 0) {
        r.sync();
      }
    }
    r.sync();
    assertConverged(r);
    expect(ana.sources).toEqual(['01234xabcde']);
  });

  it('two keys of metadata in one cell both apply, beside a new cell', async () => {
    const { r, ana } = await twoPeers('a');
    ana.cell('a').setMetadata('tags', ['mine']);
    r.agentEdits(draft => {
      putNew(draft, 'b', '2', 'by agent');
      const a = draft.cells['a'];
      if (a !== undefined) {
        a.metadata['editable'] = am.str('false');
      }
    });
    r.sync();
    assertConverged(r);
    expect(ana.cell('a').getMetadata()).toMatchObject({ tags: ['mine'], editable: false });
  });

  it('an edit of a source and the outputs of its run do not conflict', async () => {
    const { r, ana, bo } = await twoPeers({ id: 'a', source: 'print(1)' });
    ana.cell('a').updateSource(6, 7, '2');
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('1\n')], 1);
    });
    r.sync();
    assertConverged(r);
    expect(bo.code('a').getSource()).toBe('print(2)');
    expect(bo.code('a').outputs).toEqual([{ output_type: 'stream', name: 'stdout', text: '1\n' }]);
  });

  it('undo of the deletion of a running cell restores the cell with its run and imports no outputs', async () => {
    const r = await room(['a', 'b']);
    const asked: string[] = [];
    const ana = r.open({
      requests: {
        clear: () => Promise.resolve(),
        importOutputs: id => Promise.resolve(void asked.push(id)),
        trust: () => Promise.resolve()
      }
    });
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'running', [stream('tick\n')]);
    });
    ana.notebook.deleteCell(0);
    await nextCommand();
    ana.notebook.undo();
    await nextCommand();
    expect(ana.ids).toEqual(['a', 'b']);
    expect(ana.code('a').executionState).toBe('running');
    expect(ana.code('a').outputs).toHaveLength(1);
    expect(asked).toEqual([]);
  });
});
