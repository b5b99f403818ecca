import { describe, expect, it } from 'vitest';
import { str } from '../../src/document/automerge';
import type { CellNode } from '../../src/document/schema';
import { copyCell } from '../../src/document/schema';
import type { DeletedCell } from '../../src/model/transactions';
import { listen, listenCell, room } from './room';

const KEEPS = { keepsMoved: true };

describe('a cell that moves', () => {
  it('keeps its wrapper, and is told as inserted here and deleted there', async () => {
    const r = await room(['a', 'b', 'c']);
    const ana = r.open(KEEPS);
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

  it('hears of the text that came with the move', async () => {
    const r = await room([{ id: 'a', source: 'x' }, 'b']);
    const ana = r.open(KEEPS);
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

describe('a cell in which something is composed', () => {
  it('gets the wrapper of its new type when that ends', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open(KEEPS);
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

  it('may be deleted meanwhile', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open(KEEPS);
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

describe('a cell that others delete', () => {
  it('is restored with its id, its place and the text that it is given', async () => {
    const r = await room([{ id: 'a', source: 'x' }, 'b']);
    const ana = r.open(KEEPS);
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

  it('takes in what was typed meanwhile when others bring it back', async () => {
    const r = await room([{ id: 'a', source: 'one\ntwo' }, 'b']);
    const ana = r.open(KEEPS);
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
