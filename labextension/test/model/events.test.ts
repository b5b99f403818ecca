import { describe, expect, it } from 'vitest';
import { str, splice } from '../../src/document/automerge';
import { RoomNotebook } from '../../src/model/notebook';
import { putNew, putRun, stream } from '../document/agent';
import { listen, listenCell, room } from './room';

describe('the events of a notebook', () => {
  it('list insertions before deletions at the same place', async () => {
    const r = await room(['a', 'b', 'c']);
    const ana = r.open();
    const changes = listen(ana);
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(1);
      ana.notebook.insertCell(1, { cell_type: 'code', source: 'other' });
    });
    const [added] = ana.notebook.cells.slice(1, 2);
    expect(changes).toEqual([{ cellsChange: [{ retain: 1 }, { insert: [added] }, { delete: 1 }] }]);
  });

  it('are emitted once, at the end of the outermost transaction, and the cell list is unchanged until then', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open();
    const changes = listen(ana);
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(0);
      ana.notebook.transact(() => {
        ana.notebook.insertCell(0, { cell_type: 'raw', source: 'r' });
        // Indices are live: the new cell is the first, 'b' the second.
        ana.notebook.deleteCell(1);
      });
      ana.cell('a').setSource('still here');
      expect(ana.ids).toEqual(['a', 'b']);
      expect(changes).toEqual([]);
    });
    expect(ana.sources).toEqual(['r']);
    expect(changes).toHaveLength(1);
  });

  it('a transaction reads its own writes before the event', async () => {
    const r = await room(['a']);
    const ana = r.open();
    ana.notebook.transact(() => {
      ana.cell('a').setSource('x');
      ana.cell('a').setMetadata('tags', ['t']);
      ana.notebook.setMetadata('k', 1);
      expect(ana.cell('a').getSource()).toBe('x');
      expect(ana.cell('a').getMetadata('tags')).toEqual(['t']);
      expect(ana.notebook.getMetadata('k')).toBe(1);
    });
  });

  it('notebook metadata treats keys such as "collapsed" and "trusted" like any other', async () => {
    const r = await room(['a']);
    const ana = r.open();
    ana.notebook.setMetadata({
      collapsed: true,
      trusted: true,
      jupyter: { outputs_hidden: false }
    });
    expect(ana.notebook.getMetadata()).toEqual({
      collapsed: true,
      trusted: true,
      jupyter: { outputs_hidden: false }
    });
    ana.notebook.updateMetadata({ trusted: undefined, more: 1 });
    ana.notebook.setMetadata('absent', null);
    ana.notebook.deleteMetadata('collapsed');
    expect(ana.notebook.getMetadata()).toEqual({
      trusted: true,
      jupyter: { outputs_hidden: false },
      more: 1
    });
  });

  it('report at the first edit that the notebook becomes dirty', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const states: unknown[] = [];
    ana.notebook.changed.connect((_, { stateChange }) => {
      states.push(...(stateChange ?? []));
    });
    ana.cell('a').setSource('x');
    expect(states).toEqual([{ name: 'dirty', oldValue: false, newValue: true }]);
  });

  it('follow the disposal of the old wrapper when a move or a change of type makes a new one', async () => {
    const r = await room(['a', 'b', 'c']);
    const ana = r.open();
    const old = ana.cell('a');
    const seen: unknown[] = [];
    ana.notebook.changed.connect((_, change) => {
      if (change.cellsChange) {
        seen.push([old.isDisposed, old.getId(), ana.ids]);
      }
    });
    ana.notebook.moveCell(0, 2);
    expect(seen).toEqual([[true, undefined, ['b', 'c', 'a']]]);
    const moved = ana.cell('a');
    expect(moved).not.toBe(old);
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(2);
      ana.notebook.insertCell(2, { id: 'a', cell_type: 'markdown', source: '' });
    });
    expect(ana.cell('a')).not.toBe(moved);
    expect(ana.cell('a').cell_type).toBe('markdown');
  });

  it('keep the wrappers of the other cells when another peer moves a cell', async () => {
    const r = await room(['a', 'b', 'c', 'd']);
    const ana = r.open();
    const before = ['a', 'b', 'c'].map(id => ana.cell(id));
    const changes = listen(ana);
    r.agentEdits(draft => {
      const cell = draft.cells['d'];
      if (cell !== undefined) {
        cell.position = str('0V');
      }
    });
    r.sync();
    expect(ana.ids).toEqual(['d', 'a', 'b', 'c']);
    expect(['a', 'b', 'c'].map(id => ana.cell(id))).toEqual(before);
    expect(changes).toEqual([
      { cellsChange: [{ insert: [ana.cell('d')] }, { retain: 3 }, { delete: 1 }] }
    ]);
  });

  it('insertCell returns the wrapper that the cell list holds', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const made = ana.notebook.insertCell(1, { cell_type: 'markdown', source: '# hi\r\nthere' });
    expect(ana.notebook.getCell(1)).toBe(made);
    expect(made.getSource()).toBe('# hi\nthere');
  });

  it('are not emitted for a transaction that throws, and its edits are rolled back', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const changes = listen(ana);
    expect(() => {
      ana.notebook.transact(() => {
        ana.notebook.insertCell(0, { cell_type: 'code', source: '' });
        ana.cell('a').setSource('gone');
        throw new Error('no');
      });
    }).toThrow('no');
    expect([ana.ids, ana.sources, changes, ana.unsent]).toEqual([['a'], [''], [], []]);
    ana.cell('a').setSource('fine');
    expect(ana.sources).toEqual(['fine']);
  });

  it('keep their order when a handler edits another cell', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open();
    const order: string[] = [];
    ana.cell('a').textChanged.connect((_, { changes }) => {
      order.push(`a to ${changes.newLength}`);
      if (changes.newLength === 1) {
        ana.cell('b').setSource('by handler');
        order.push('handler done');
      }
    });
    ana.cell('b').textChanged.connect(() => order.push('b'));
    ana.cell('a').setSource('1');
    ana.cell('a').setSource('12');
    expect(order).toEqual(['a to 1', 'handler done', 'b', 'a to 2']);
  });

  it('of a silent change reach editors but not listeners of the cell', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const changes = listenCell(ana.cell('a'));
    let texts = 0;
    ana.cell('a').textChanged.connect(() => texts++);
    ana.cell('a').transact(
      () => {
        ana.cell('a').setSource('quiet');
      },
      false,
      'silent-change'
    );
    expect([changes, texts]).toEqual([[], 1]);
  });

  it('describe text as deltas and metadata by key', async () => {
    const r = await room([{ id: 'a', source: 'print(1)' }]);
    const ana = r.open();
    const changes = listenCell(ana.cell('a'));
    const keys: unknown[] = [];
    ana.cell('a').metadataChanged.connect((_, change) => keys.push(change));
    r.agentEdits(draft => {
      splice(draft, ['cells', 'a', 'source'], 6, 1, '23');
      const cell = draft.cells['a'];
      if (cell !== undefined) {
        cell.metadata['tags'] = str('["x"]');
      }
    });
    r.sync();
    expect(changes).toEqual([
      {
        sourceChange: [{ retain: 6 }, { insert: '23' }, { delete: 1 }],
        metadataChange: new Map([['tags', { action: 'add', oldValue: undefined }]])
      }
    ]);
    expect(keys).toEqual([{ key: 'tags', type: 'add', newValue: ['x'] }]);
  });
});

describe('metadata', () => {
  it('collapsed and jupyter.outputs_hidden mirror each other', async () => {
    const r = await room(['a']);
    const cell = r.open().cell('a');
    cell.setMetadata('collapsed', true);
    expect(cell.getMetadata('jupyter')).toEqual({ outputs_hidden: true });
    cell.setMetadata('jupyter', { outputs_hidden: false, source_hidden: true });
    expect(cell.getMetadata('collapsed')).toBe(false);
    cell.deleteMetadata('collapsed');
    expect(cell.getMetadata('jupyter')).toEqual({ source_hidden: true });
    cell.setMetadata({ jupyter: { outputs_hidden: true } });
    expect(cell.getMetadata('collapsed')).toBe(true);
    cell.deleteMetadata('jupyter');
    expect(cell.getMetadata('collapsed')).toBeUndefined();
  });

  it('is written to the document without undefined values and without trust', async () => {
    const r = await room();
    const ana = r.open();
    const metadata = { trusted: true, name: undefined, tags: [] } as Record<string, unknown>;
    ana.notebook.insertCell(0, { cell_type: 'code', metadata } as never);
    const [id] = ana.ids;
    expect(Object.keys(ana.notebook.documents.notebook.cells[id ?? '']?.metadata ?? {})).toEqual([
      'tags'
    ]);
  });

  it('is not written if JupyterLab sets an empty kernelspec or language_info', async () => {
    const r = await room(['a']);
    const ana = r.open();
    ana.notebook.setMetadata('language_info', { name: '' });
    ana.notebook.setMetadata('kernelspec', { name: '', display_name: '' });
    expect(ana.unsent).toEqual([]);
    ana.notebook.setMetadata('kernelspec', { name: 'python3', display_name: 'Python' });
    expect(ana.notebook.metadata).toEqual({
      kernelspec: { name: 'python3', display_name: 'Python' }
    });
    ana.notebook.deleteMetadata('kernelspec');
    expect(ana.notebook.metadata).toEqual({});
  });

  it('a write of the present value makes no change', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const ana = r.open();
    ana.cell('a').setMetadata('tags', ['a']);
    ana.unsent = [];
    ana.cell('a').setMetadata('tags', ['a']);
    ana.cell('a').setSource('x');
    ana.notebook.setMetadata({});
    expect(ana.unsent).toEqual([]);
  });

  it('a transaction without a difference makes no change and emits no event', async () => {
    const r = await room(['a']);
    const ana = r.open();
    ana.cell('a').setSource('x');
    const changes = listen(ana);
    ana.unsent = [];
    ana.notebook.transact(() => undefined);
    ana.cell('a').transact(() => {
      ana.cell('a').setSource('x');
    });
    expect([ana.unsent, changes]).toEqual([[], []]);
  });

  it('attachments are stored and reported by name', async () => {
    const r = await room([{ id: 'm', type: 'markdown' }]);
    const [ana, bo] = [r.open(), r.open()];
    const theirs = listenCell(bo.cell('m'));
    const image = { 'img.png': { 'image/png': 'AAAA' } };
    (ana.cell('m') as { attachments?: unknown }).attachments = image;
    r.sync();
    expect(bo.cell('m').toJSON()).toMatchObject({ attachments: image });
    expect(theirs).toEqual([{ attachmentsChange: { newValue: image } }]);
  });
});

describe('a notebook', () => {
  it('is empty and refuses edits before its documents are loaded', () => {
    const notebook = new RoomNotebook();
    const refused: string[] = [];
    notebook.refused.connect((_, reason) => refused.push(reason));
    notebook.insertCell(0, { cell_type: 'code', source: 'x' }).setSource('y');
    notebook.setMetadata('kernelspec', { name: 'p', display_name: 'P' });
    expect(notebook.cells).toEqual([]);
    expect(notebook.toJSON()).toEqual({ metadata: {}, nbformat: 4, nbformat_minor: 5, cells: [] });
    expect(refused).toEqual(['not-loaded', 'not-loaded', 'not-loaded']);
    notebook.dispose();
  });

  it('returns the same JSON after it is disposed', async () => {
    const r = await room([{ id: 'a', source: 'x' }], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('out\n')], 3);
    });
    const { notebook } = r.open();
    const before = notebook.toJSON();
    expect(before.cells[0]).toMatchObject({ id: 'a', source: 'x', execution_count: 3 });
    notebook.dispose();
    expect(notebook.toJSON()).toEqual(before);
  });

  it('refuses a transaction of a viewer once, runs it to its end and stays unchanged', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const ana = r.open();
    const refused: string[] = [];
    ana.notebook.refused.connect((_, reason) => refused.push(reason));
    ana.notebook.readOnly = true;
    let ran = false;
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(0);
      ana.notebook.insertCell(0, { cell_type: 'code', source: 'y' }).setMetadata('k', 1);
      ran = true;
    });
    expect([ran, refused, ana.sources, ana.unsent]).toEqual([true, ['read-only'], ['x'], []]);
    ana.notebook.readOnly = false;
    ana.cell('a').setSource('z');
    expect(ana.sources).toEqual(['z']);
  });

  it('is never dirty for a viewer, even when another peer edits', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const [ana, bo] = [r.open(), r.open()];
    bo.cell('a').setSource('y');
    r.sync();
    expect(ana.notebook.dirty).toBe(true);
    ana.notebook.readOnly = true;
    expect(ana.notebook.dirty).toBe(false);
    bo.cell('a').setSource('z');
    r.sync();
    expect([ana.sources, ana.notebook.dirty]).toEqual([['z'], false]);
  });

  it('keeps cells with the same id and concurrent typing when it is set from JSON', async () => {
    const r = await room([
      { id: 'a', source: 'one' },
      { id: 'b', source: 'two' }
    ]);
    const [ana, bo] = [r.open(), r.open()];
    bo.cell('a').updateSource(3, 3, '!');
    ana.notebook.fromJSON({
      nbformat: 4,
      nbformat_minor: 5,
      metadata: { orig_nbformat: 3, title: 't' },
      cells: [
        { id: 'a', cell_type: 'code', source: ['zero\n', 'one'], metadata: {}, outputs: [] },
        { cell_type: 'markdown', source: 'new', metadata: {} }
      ] as never
    });
    r.sync();
    expect(ana.sources).toEqual(['zero\none!', 'new']);
    expect(bo.sources).toEqual(ana.sources);
    expect(ana.notebook.metadata).toEqual({ title: 't' });
  });

  it('omits cell ids from its JSON in nbformat 4.4', async () => {
    const r = await room(['a']);
    r.agentEdits(draft => {
      draft.nbformat_minor = 4;
    });
    const ana = r.open();
    const changes = listen(ana);
    r.sync();
    expect(ana.notebook.toJSON().cells[0]).not.toHaveProperty('id');
    expect(changes).toEqual([
      { nbformatChanged: { key: 'nbformat_minor', oldValue: 5, newValue: 4 } }
    ]);
  });

  it('becomes dirty by a change of another peer but not by loading', async () => {
    const r = await room(['a']);
    const ana = r.open();
    expect(ana.notebook.dirty).toBe(false);
    r.agentEdits(draft => {
      putNew(draft, 'z', 'Z', '');
    });
    r.sync();
    expect(ana.notebook.dirty).toBe(true);
  });

  it('keeps positions short after 2000 insertions at the same place', async () => {
    const r = await room(['a', 'b']);
    const ana = r.open();
    ana.notebook.transact(() => {
      for (let i = 0; i < 2000; i++) {
        ana.notebook.insertCell(1, { cell_type: 'raw', source: '' });
      }
    });
    const cells = Object.values(ana.notebook.documents.notebook.cells);
    expect(cells).toHaveLength(2002);
    expect(Math.max(...cells.map(cell => String(cell.position).length))).toBeLessThanOrEqual(24);
    expect([ana.ids[0], ana.ids.at(-1)]).toEqual(['a', 'b']);
  });
});

describe('members of the ydoc classes outside their interface', () => {
  it('include setExecutionCount of code cells', async () => {
    const r = await room(['a']);
    const ana = r.open();
    ana.code('a').setExecutionCount(null);
    expect(ana.code('a').execution_count).toBe(null);
  });

  it('include setters of nbformat, which accept the present value and refuse another', async () => {
    const r = await room(['a']);
    const { notebook } = r.open();
    notebook.nbformat = 4;
    notebook.nbformat_minor = 5;
    expect(() => {
      notebook.nbformat_minor = 4;
    }).toThrow('nbformat_minor stays 5');
    expect(notebook.nbformat_minor).toBe(5);
  });
});
