import { describe, expect, it } from 'vitest';
import { str } from '../../src/document/automerge';
import type { CellNode } from '../../src/document/schema';
import { copyCell } from '../../src/document/schema';
import type { DeletedCell } from '../../src/model/transactions';
import { listen, listenCell, room } from './room';

const KEEPS_MOVED = { keepsMoved: true };

describe('a cell that moves', () => {
  it('keeps its wrapper and is reported as a deletion and an insertion', async () => {
    const r = await room(['a', 'b', 'c']);
    const ana = r.open(KEEPS_MOVED);
    const wrappers = ['a', 'b', 'c'].map(id => ana.cell(id));
    const changes = listen(ana);
    ana.notebook.moveCell(0, 2);
    expect(ana.ids).toEqual(['b', 'c', 'a']);
    expect(['a', 'b', 'c'].map(id => ana.cell(id))).toEqual(wrappers);
    expect(changes).toEqual([
      { cellsChange: [{ delete: 1 }, { retain: 2 }, { insert: [wrappers[0]] }] }
    ]);
    ana.notebook.undo();
    expect(ana.ids).toEqual(['a', 'b', 'c']);
    expect(ana.cell('a')).toBe(wrappers[0]);
    expect(wrappers.some(cell => cell.isDisposed)).toBe(false);
  });

  it('reports a change of its text that arrives with the move', async () => {
    const r = await room([{ id: 'a', source: 'x' }, 'b']);
    const ana = r.open(KEEPS_MOVED);
    const changes = listenCell(ana.cell('a'));
    r.agentEdits(draft => {
      const cell = draft.cells['a'];
      if (cell !== undefined) {
        cell.position = str('ZV');
        cell.source = 'xy';
      }
    });
    r.sync();
    expect(ana.ids).toEqual(['b', 'a']);
    expect(ana.sources).toEqual(['', 'xy']);
    expect(changes).toHaveLength(1);
  });
});

describe('a cell with an active input method composition', () => {
  it('gets the wrapper of its new type when the composition ends', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open(KEEPS_MOVED);
    const old = ana.cell('a');
    const editor = {};
    old.compose(editor, true);
    const retype = (type: string): void => {
      r.agentEdits(draft => {
        const cell = draft.cells['a'];
        if (cell !== undefined) {
          cell.cell_type = str(type);
        }
      });
      r.sync();
    };
    retype('markdown');
    expect(ana.cell('a')).toBe(old);
    old.setSource('typed');
    expect(ana.documentCells[0]).toEqual({ id: 'a', type: 'markdown', source: 'typed' });
    old.compose(editor, false);
    expect(old.isDisposed).toBe(true);
    expect(ana.cell('a').cell_type).toBe('markdown');
    retype('raw');
    expect(ana.cell('a').cell_type).toBe('raw');
  });

  it('can be deleted before the composition ends', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open(KEEPS_MOVED);
    const old = ana.cell('a');
    old.compose(old, true);
    r.agentEdits(draft => {
      const cell = draft.cells['a'];
      if (cell !== undefined) {
        cell.cell_type = str('raw');
      }
    });
    r.agentEdits(draft => {
      Reflect.deleteProperty(draft.cells, 'a');
    });
    r.sync();
    old.compose(old, false);
    expect(ana.ids).toEqual(['b']);
  });
});

describe('a cell that another peer deletes', () => {
  it('is restored with its id, its place and a given text', async () => {
    const r = await room([{ id: 'a', source: 'x' }, 'b']);
    const ana = r.open(KEEPS_MOVED);
    const restores: ((text: string) => void)[] = [];
    const lost: string[] = [];
    ana.cell('a').setSource('xy');
    r.sync();
    ana.notebook.cellLost.connect((_, id) => {
      lost.push(id);
    });
    ana.notebook.changed.connect(() => {
      const kept = ana.notebook.keepDeleted('a');
      if (kept !== null) {
        restores.push(kept.restore);
      }
    });
    r.agentEdits(draft => {
      Reflect.deleteProperty(draft.cells, 'a');
    });
    r.sync();
    expect(ana.ids).toEqual(['b']);
    expect(restores).toHaveLength(1);
    expect(lost).toEqual([]);
    restores[0]?.('xyz\nmore');
    expect(ana.documentCells[0]).toEqual({ id: 'a', type: 'code', source: 'xyz\nmore' });
    ana.notebook.undo();
    expect(ana.ids).toEqual(['b']);
  });

  it('merges text that was typed meanwhile when another peer restores it', async () => {
    const r = await room([{ id: 'a', source: 'one\ntwo' }, 'b']);
    const ana = r.open(KEEPS_MOVED);
    r.sync();
    const found: DeletedCell[] = [];
    ana.notebook.changed.connect(() => {
      const kept = ana.notebook.keepDeleted('a');
      if (kept !== null) {
        found.push(kept);
      }
    });
    const before = ana.notebook.core.cellNode('a');
    r.agentEdits(draft => {
      Reflect.deleteProperty(draft.cells, 'a');
    });
    r.sync();
    const [deleted] = found;
    expect(deleted?.isBack()).toBe(false);
    r.agentEdits(draft => {
      draft.cells['a'] = { ...copyCell(before as CellNode), source: 'ONE\ntwo' };
    });
    r.sync();
    expect(deleted?.isBack()).toBe(true);
    deleted?.rejoin('one\ntwo', 'one\ntwo more');
    expect(ana.cell('a').getSource()).toBe('ONE\ntwo more');
  });
});
