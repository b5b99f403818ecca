import { describe, expect, it } from 'vitest';
import { splice } from '../../src/document/automerge';
import type { UndoClock } from '../../src/model/undo';
import { putNew, putRun, stream } from '../document/agent';
import { nextCommand, room } from './room';

/** A clock that only `pass` moves; `pass` also ends the running command. */
class TestClock implements UndoClock {
  time = 0;
  private readonly _ends: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  afterCommand(then: () => void): void {
    this._ends.push(then);
  }

  pass(ms: number): void {
    this.time += ms;
    this._ends.splice(0).forEach(end => {
      end();
    });
  }
}

async function typing(source = ''): Promise<{
  clock: TestClock;
  ana: ReturnType<Awaited<ReturnType<typeof room>>['open']>;
  r: Awaited<ReturnType<typeof room>>;
  type: (text: string, ms?: number) => void;
}> {
  const r = await room([{ id: 'a', source }, 'b']);
  const clock = new TestClock();
  const ana = r.open({ clock });
  const type = (text: string, ms = 100): void => {
    clock.pass(ms);
    const end = ana.cell('a').getSource().length;
    ana.cell('a').updateSource(end, end, text);
  };
  return { clock, ana, r, type };
}

describe('undo of typing', () => {
  it('groups text that is typed within half a second', async () => {
    const { ana, type } = await typing();
    type('a');
    type('b');
    type('c', 600);
    ana.cell('a').undo();
    expect(ana.sources[0]).toBe('ab');
    ana.cell('a').undo();
    expect(ana.sources[0]).toBe('');
    expect(ana.cell('a').canUndo()).toBe(false);
    ana.cell('a').redo();
    ana.cell('a').redo();
    expect([ana.sources[0], ana.cell('a').canRedo()]).toEqual(['abc', false]);
  });

  it("keeps the text of other peers, even inside the user's own words", async () => {
    const { ana, r, type } = await typing('start ');
    type('mine');
    r.agentEdits(draft => {
      splice(draft, ['cells', 'a', 'source'], 0, 0, 'theirs ');
    });
    r.sync();
    r.agentEdits(draft => {
      const at = (draft.cells['a']?.source.length ?? 0) - 2;
      splice(draft, ['cells', 'a', 'source'], at, 0, '<x>');
    });
    r.sync();
    expect(ana.sources[0]).toBe('theirs start mi<x>ne');
    ana.cell('a').undo();
    expect(ana.sources[0]).toBe('theirs start <x>');
    ana.cell('a').redo();
    expect(ana.sources[0]).toBe('theirs start mi<x>ne');
  });

  it('survives a move of the cell', async () => {
    const { ana, type } = await typing();
    type('typed');
    ana.notebook.moveCell(0, 1);
    ana.cell('a').undo();
    expect(ana.cell('a').getSource()).toBe('');
  });

  it('belongs to the cell, or to the notebook if undo is document-wide', async () => {
    const r = await room(['a', 'b']);
    const own = r.open();
    own.cell('a').setSource('x');
    expect([own.notebook.canUndo(), own.cell('a').canUndo()]).toEqual([false, true]);
    const shared = r.open({ disableDocumentWideUndoRedo: false });
    shared.cell('a').setSource('x');
    await nextCommand();
    shared.cell('b').setSource('y');
    expect(shared.notebook.undo()).toBe(true);
    expect(shared.sources).toEqual(['x', '']);
  });

  it('does not undo edits of other peers', async () => {
    const { ana, r } = await typing('x');
    r.agentEdits(draft => {
      splice(draft, ['cells', 'a', 'source'], 1, 0, 'y');
    });
    r.sync();
    expect([ana.cell('a').undo(), ana.notebook.undo(), ana.sources[0]]).toEqual([
      false,
      false,
      'xy'
    ]);
  });
});

describe('undo of cell commands', () => {
  it('undoes one command at a time', async () => {
    const { ana, clock } = await typing();
    ana.notebook.moveCell(0, 1);
    ana.notebook.insertCell(0, { cell_type: 'code', source: 'n' });
    clock.pass(10);
    ana.notebook.deleteCell(0);
    ana.notebook.undo();
    expect(ana.sources).toEqual(['n', '', '']);
    ana.notebook.undo();
    expect(ana.ids).toEqual(['a', 'b']);
    ana.notebook.redo();
    expect(ana.ids.slice(1)).toEqual(['b', 'a']);
  });

  it('restores a deleted cell with its id, text and metadata', async () => {
    const { ana, r } = await typing('kept');
    ana.cell('a').setMetadata('tags', ['t']);
    ana.notebook.deleteCell(0);
    ana.notebook.undo();
    r.sync();
    expect(ana.ids).toEqual(['a', 'b']);
    expect(ana.cell('a').toJSON()).toMatchObject({ source: 'kept', metadata: { tags: ['t'] } });
  });

  it('removes only typed text from a cell that another peer restored with other text', async () => {
    const { ana, r, type } = await typing('start');
    type(' mine');
    const bo = r.open();
    r.sync();
    bo.notebook.documents.load('notebook', 'n1', ana.notebook.documents.save('notebook'));
    bo.notebook.deleteCell(0);
    r.sync();
    r.agentEdits(draft => {
      putNew(draft, 'a', '1V', 'it starts mine!');
    });
    r.sync();
    type('?');
    ana.cell('a').undo();
    expect(ana.sources[0]).toBe('it starts mine!');
  });

  it('undoes and redoes a change of type', async () => {
    const { ana } = await typing('text');
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(0);
      ana.notebook.insertCell(0, { id: 'a', cell_type: 'markdown', source: '# text' });
    });
    ana.notebook.undo();
    expect([ana.cell('a').cell_type, ana.sources[0]]).toEqual(['code', 'text']);
    ana.notebook.redo();
    expect([ana.cell('a').cell_type, ana.sources[0]]).toEqual(['markdown', '# text']);
  });

  it('undoes a split in one step', async () => {
    const { ana } = await typing('one\ntwo');
    ana.notebook.transact(() => {
      ana.notebook.insertCells(0, [{ cell_type: 'code', source: 'one' }]);
      ana.cell('a').setSource('two');
    });
    expect(ana.sources).toEqual(['one', 'two', '']);
    ana.notebook.undo();
    expect(ana.sources).toEqual(['one\ntwo', '']);
  });

  it('leaves a cell at the place to which another peer has moved it since', async () => {
    const { ana, r } = await typing();
    ana.notebook.moveCell(0, 1);
    r.sync();
    r.agentEdits(draft => {
      const cell = draft.cells['a'];
      const b = draft.cells['b'];
      if (cell !== undefined && b !== undefined) {
        cell.position = b.position;
      }
    });
    r.sync();
    const places = ana.ids;
    ana.notebook.undo();
    expect(ana.ids).toEqual(places);
  });

  it('keeps the metadata of JupyterLab on a stack item through undo and redo', async () => {
    const { ana } = await typing();
    ana.notebook.deleteCell(0);
    ana.notebook.undoManager.undoStack.at(-1)?.meta.set('key', 'value');
    const popped: unknown[] = [];
    const handler = ({ stackItem }: { stackItem: { meta: Map<unknown, unknown> } }): void => {
      popped.push(stackItem.meta.get('key'));
    };
    ana.notebook.undoManager.on('stack-item-popped', handler);
    ana.notebook.undo();
    ana.notebook.redo();
    ana.notebook.undoManager.off('stack-item-popped', handler);
    ana.notebook.undo();
    expect(popped).toEqual(['value', 'value']);
  });

  it('imports the outputs of a restored cell through the server', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('out\n')], 3);
    });
    const asked: unknown[] = [];
    const ana = r.open({
      requests: {
        clear: ids => Promise.resolve(void asked.push(['clear', ids])),
        importOutputs: (id, { outputs, executionCount, trusted }) =>
          Promise.resolve(void asked.push([id, outputs, executionCount, trusted])),
        trust: () => Promise.resolve()
      }
    });
    ana.notebook.deleteCell(0);
    r.serverWrites(draft => {
      Reflect.deleteProperty(draft.cells, 'a');
      Reflect.deleteProperty(draft.runs, 'r1');
    });
    ana.notebook.undo();
    await new Promise(resolve => setTimeout(resolve));
    const output = { output_type: 'stream', name: 'stdout', text: 'out\n' };
    expect(asked).toEqual([['a', [output], 3, true]]);
  });

  it('is refused for a viewer, and works again when the user may write', async () => {
    const { ana, type } = await typing();
    type('x');
    ana.notebook.readOnly = true;
    expect(ana.cell('a').undo()).toBe(false);
    ana.notebook.readOnly = false;
    expect(ana.cell('a').undo()).toBe(true);
    expect(ana.sources[0]).toBe('');
  });
});
