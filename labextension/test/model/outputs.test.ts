import type { CellChange } from '@jupyter/ydoc';
import type { IOutput } from '@jupyterlab/nbformat';
import { describe, expect, it } from 'vitest';
import { str } from '../../src/document/automerge';
import type { BlobNode, OutputNode, RuntimeNode } from '../../src/document/schema';
import { RoomNotebook } from '../../src/model/notebook';
import type { Import, RuntimeRequests, Seen } from '../../src/model/outputRequests';
import { display, putRun, stream } from '../document/agent';
import type { Peer } from './room';
import { listen, listenCell, nextCommand, room } from './room';

function outputsOf(draft: RuntimeNode): OutputNode[] {
  return draft.runs['r1']?.outputs ?? [];
}

function textOutput(text: string): IOutput {
  return { output_type: 'display_data', data: { 'text/plain': text }, metadata: {} };
}

/** Follows the events of the outputs as JupyterLab's output area does. */
function followEvents(peer: Peer): { texts: () => unknown[]; replaced: () => number } {
  const cell = peer.code('a');
  let shown: unknown[] = cell.outputs.map(output => output['text'] ?? output['data']);
  let replaced = 0;
  cell.changed.connect((_, change) => {
    for (const step of (change.streamOutputChange ?? []) as {
      insert?: string;
      delete?: number;
    }[]) {
      const last = String(shown.at(-1));
      if (step.delete !== undefined) {
        shown = [...shown.slice(0, -1), last.slice(0, last.length - step.delete)];
      }
      if (step.insert !== undefined) {
        shown = [...shown.slice(0, -1), String(shown.at(-1)) + step.insert];
      }
    }
    for (const step of change.outputsChange ?? []) {
      if (step.delete !== undefined) {
        replaced++;
        shown = shown.slice(step.delete);
      }
      const added = (step.insert ?? []) as unknown as { toJSON(): Record<string, unknown> }[];
      shown = [...shown, ...added.map(o => o.toJSON()['text'] ?? o.toJSON()['data'])];
    }
  });
  return { texts: () => shown, replaced: () => replaced };
}

class Requests implements RuntimeRequests {
  constructor(private readonly _fails = false) {}
  readonly asked: unknown[] = [];

  clear(ids: string[], seen: Seen): Promise<void> {
    return this._ask(['clear', ids, seen]);
  }
  importOutputs(id: string, what: Import, seen: Seen): Promise<void> {
    const { outputs, executionCount, trusted } = what;
    return this._ask(['import', id, outputs, executionCount, trusted, seen]);
  }
  trust(): Promise<void> {
    return this._ask(['trust']);
  }
  private _ask(what: unknown): Promise<void> {
    this.asked.push(what);
    return this._fails ? Promise.reject(new Error('forbidden')) : Promise.resolve();
  }
}

describe('outputs of a run', () => {
  it('are reported as a text delta when the last stream grows', async () => {
    const r = await room(['a']);
    const ana = r.open();
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'running', [stream('tick\n')]);
    });
    const changes = listenCell(ana.cell('a'));
    r.serverWrites(draft => {
      outputsOf(draft)[0]?.chunks?.push(str('tock\n'));
    });
    expect(changes).toEqual([{ streamOutputChange: [{ retain: 5 }, { insert: 'tock\n' }] }]);
  });

  it('merge adjacent streams of one name', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [
        stream('a'),
        stream('b'),
        stream('e', 'stderr'),
        stream('c')
      ]);
    });
    expect(
      r
        .open()
        .code('a')
        .outputs.map(output => output['text'])
    ).toEqual(['ab', 'e', 'c']);
  });

  it('are reported as additions when a stream grows and others follow it in one change', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'running', [stream('1')]);
    });
    const ana = r.open();
    const shown = followEvents(ana);
    r.serverWrites(draft => {
      outputsOf(draft).push(stream('2'), display({ 'text/plain': str('D') }));
    });
    expect(shown.texts()).toEqual(['12', { 'text/plain': 'D' }]);
    expect(shown.replaced()).toBe(0);
  });

  it('are not replaced when a progress bar rewrites the last stream', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'running', [stream('start\n'), stream('', 'stderr')]);
    });
    const shown = followEvents(r.open());
    for (const bar of ['10%', '20% #', '100%']) {
      r.serverWrites(draft => {
        const chunks = outputsOf(draft)[1]?.chunks;
        if (chunks !== undefined) {
          chunks[0] = str(bar);
        }
      });
      expect(shown.texts()).toEqual(['start\n', bar]);
    }
    expect(shown.replaced()).toBe(0);
  });

  it('are replaced as a whole when an earlier output changes', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'running', [display({ 'text/plain': str('1') }), stream('x')]);
    });
    const shown = followEvents(r.open());
    r.serverWrites(draft => {
      const data = outputsOf(draft)[0]?.data;
      if (data !== undefined) {
        data['text/plain'] = str('2');
      }
    });
    expect(shown.texts()).toEqual([{ 'text/plain': '2' }, 'x']);
    expect(shown.replaced()).toBe(1);
    r.serverWrites(draft => {
      outputsOf(draft).splice(0, 2);
    });
    expect(shown.texts()).toEqual([]);
  });

  it('cause one event when one change adds a hundred of them, and no event in other cells', async () => {
    const r = await room(['a', 'b'], draft => {
      putRun(draft, 'r1', 'a', 'running');
    });
    const ana = r.open();
    const changes = listenCell(ana.cell('a'));
    const others = listenCell(ana.cell('b'));
    r.serverWrites(draft => {
      for (let i = 0; i < 100; i++) {
        outputsOf(draft).push(display({ 'text/plain': str(`${i}`) }));
      }
    });
    expect(changes).toHaveLength(1);
    expect(changes[0]?.outputsChange?.[0]?.insert).toHaveLength(100);
    expect(others).toEqual([]);
  });

  it('the cell reports the state and the execution count of its run', async () => {
    const r = await room(['a']);
    const cell = r.open().code('a');
    const changes = listenCell(cell);
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'queued');
    });
    r.serverWrites(draft => {
      const run = draft.runs['r1'];
      if (run !== undefined) {
        run.state = str('running');
        run.execution_count = 7;
      }
    });
    expect([cell.executionState, cell.execution_count]).toEqual(['running', null]);
    r.serverWrites(draft => {
      const run = draft.runs['r1'];
      if (run !== undefined) {
        run.state = str('ok');
      }
    });
    expect([cell.executionState, cell.execution_count]).toEqual(['idle', 7]);
    expect(changes).toEqual([
      { executionStateChange: { oldValue: 'idle', newValue: 'running' } },
      {
        executionCountChange: { oldValue: null, newValue: 7 },
        executionStateChange: { oldValue: 'running', newValue: 'idle' }
      }
    ]);
  });

  it('keep JSON values, unknown keys and errors', async () => {
    const r = await room(['a'], draft => {
      const json: OutputNode = {
        ...display({ 'application/json': { json: str('{"n": [1.5]}') }, 'text/plain': str('t') }),
        type: str('execute_result'),
        execution_count: 3,
        metadata: str('{"m": 1}'),
        extra: { odd: str('[1]') }
      };
      const error: OutputNode = {
        id: str('e'),
        type: str('error'),
        ename: str('E'),
        evalue: str('v'),
        traceback: [str('l1'), str('l2')]
      };
      putRun(draft, 'r1', 'a', 'error', [json, error], 3);
    });
    expect(r.open().code('a').outputs).toEqual([
      {
        output_type: 'execute_result',
        data: { 'application/json': { n: [1.5] }, 'text/plain': 't' },
        metadata: { m: 1 },
        execution_count: 3,
        odd: [1]
      },
      { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['l1', 'l2'] }
    ]);
  });

  it('of a new epoch are reported only where they differ', async () => {
    const r = await room(['a', 'b'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('same')], 1);
      putRun(draft, 'r2', 'b', 'ok', [stream('old')], 2);
    });
    const ana = r.open();
    const [a, b] = [listenCell(ana.cell('a')), listenCell(ana.cell('b'))];
    const fresh = await room([], draft => {
      putRun(draft, 'x1', 'a', 'ok', [stream('same')], 1);
      putRun(draft, 'x2', 'b', 'ok', [stream('older')], 2);
    });
    ana.notebook.documents.load('runtime', 'r2', fresh.open().notebook.documents.save('runtime'));
    expect(a).toEqual([]);
    expect(b).toEqual([{ streamOutputChange: [{ retain: 3 }, { insert: 'er' }] }]);
  });
});

describe('large outputs', () => {
  const blob = (encoding: string, sha = 'f00'): BlobNode => ({
    blob: str(sha),
    size: 9000,
    encoding: str(encoding)
  });

  it('show a placeholder until their blob arrives', async () => {
    const r = await room(['a'], draft => {
      const image = display({ 'image/png': blob('base64'), 'text/plain': str('<Figure>') });
      putRun(draft, 'r1', 'a', 'ok', [image]);
    });
    let arrive: (text: string) => void = () => undefined;
    const ana = r.open({ blobs: { get: () => new Promise(resolve => (arrive = resolve)) } });
    const shown = followEvents(ana);
    expect(shown.texts()).toEqual([{ 'text/plain': 'image/png, 9000 bytes: loading' }]);
    const told = new Promise(resolve => ana.code('a').changed.connect(resolve));
    arrive('iVBOR');
    await told;
    expect(shown.texts()).toEqual([{ 'image/png': 'iVBOR', 'text/plain': '<Figure>' }]);
  });

  it('show that their blob failed to load, and load after a retry', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [{ ...stream('tail'), chunks: [blob('utf-8'), str('tail')] }]);
    });
    let there = false;
    const get = (): Promise<string> =>
      there ? Promise.resolve('head ') : Promise.reject(new Error('offline'));
    const ana = r.open({ blobs: { get } });
    const told = (): Promise<unknown> =>
      new Promise(resolve => ana.code('a').changed.connect(resolve));
    await told();
    expect(ana.code('a').outputs[0]?.['text']).toBe(
      'text/plain, 9000 bytes: could not be loaded\ntail'
    );
    there = true;
    const again = told();
    ana.notebook.retryBlobs();
    await again;
    await nextCommand();
    await nextCommand();
    expect(ana.code('a').outputs[0]?.['text']).toBe('head tail');
  });
});

describe('output commands of JupyterLab', () => {
  it('clearing several cells in one command sends one request and writes no change', async () => {
    const requests = new Requests();
    const r = await room(['a', 'b'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('1')], 1);
      putRun(draft, 'r2', 'b', 'ok', [stream('2')], 2);
    });
    const ana = r.open({ requests });
    for (const id of ['a', 'b']) {
      ana.code(id).clearOutputs();
      ana.code(id).execution_count = null;
    }
    await nextCommand();
    expect(requests.asked).toEqual([['clear', ['a', 'b'], { a: 'r1', b: 'r2' }]]);
    expect([ana.unsent, ana.code('a').outputs.length]).toEqual([[], 1]);
    const shown = listenCell(ana.cell('a'));
    r.serverWrites(draft => {
      Reflect.deleteProperty(draft.runs, 'r1');
      draft.cells['a'] = { trusted: true };
    });
    // The event has no outputs because the view has emptied itself already.
    expect(shown).toEqual([{ executionCountChange: { oldValue: 1, newValue: null } }]);
  });

  it('edits of outputs through the shared model are reported at once, except silent ones', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('one'), display({ 'text/plain': str('two') })]);
    });
    const ana = r.open({ requests: new Requests() });
    const cell = ana.code('a');
    const shown = listenCell(cell);
    const deltas = (): unknown[] => shown.splice(0).map(change => change.outputsChange);
    cell.clearOutputs();
    expect(deltas()).toEqual([[{ delete: 2 }]]);
    cell.setOutputs([textOutput('three'), textOutput('four')]);
    expect(deltas()).toMatchObject([[{ insert: [{}, {}] }]]);
    cell.updateOutputs(1, 2, [textOutput('five')]);
    expect(deltas()).toEqual([expect.any(Array)]);
    cell.updateOutputs(0, 1, [], 'silent-change');
    expect(deltas()).toEqual([]);
  });

  it('a clear request that is refused or cannot be sent is undone in the views', async () => {
    for (const requests of [new Requests(true), undefined]) {
      const r = await room(['a'], draft => {
        putRun(draft, 'r1', 'a', 'ok', [stream('kept')]);
      });
      const ana = r.open(requests === undefined ? {} : { requests });
      const told: CellChange[] = [];
      const back = new Promise<void>(resolve =>
        ana.code('a').changed.connect((_, change) => {
          told.push(change);
          if (told.length === 2) {
            resolve();
          }
        })
      );
      ana.code('a').clearOutputs();
      await back;
      expect(told).toMatchObject([
        { outputsChange: [{ delete: 1 }] },
        { outputsChange: [{ insert: [{}] }] }
      ]);
    }
  });

  it('pasting a cell imports its outputs', async () => {
    const requests = new Requests();
    const r = await room(['a']);
    const ana = r.open({ requests });
    const output = textOutput('pasted');
    ana.notebook.insertCell(1, {
      cell_type: 'code',
      source: 'x',
      outputs: [output],
      execution_count: 4
    });
    await nextCommand();
    expect(requests.asked).toEqual([['import', ana.ids[1], [output], 4, false, {}]]);
  });

  it('cutting and pasting a cell imports its outputs again', async () => {
    const requests = new Requests();
    const r = await room(['a', 'b']);
    const ana = r.open({ requests });
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'b', 'ok', [stream('kept')]);
    });
    const cut = ana.code('b').toJSON();
    ana.notebook.deleteCell(1);
    ana.notebook.insertCell(0, cut);
    await nextCommand();
    expect(requests.asked).toMatchObject([['import', 'b', [{ text: 'kept' }], null, true, {}]]);
  });

  it('pasted outputs keep the trust of their origin, and the cell keeps its wrapper', async () => {
    for (const trusted of [true, false]) {
      const requests = new Requests();
      const r = await room(['a']);
      const ana = r.open({ requests });
      const output = textOutput('pasted');
      const metadata = trusted ? { trusted } : {};
      const cell = ana.notebook.insertCell(1, {
        cell_type: 'code',
        source: 'x',
        metadata,
        outputs: [output]
      });
      await nextCommand();
      const { id } = cell;
      expect(requests.asked).toEqual([['import', id, [output], null, trusted, {}]]);
      expect(cell.getMetadata('trusted')).toBe(trusted || undefined);
      r.serverWrites(draft => {
        putRun(draft, 'r1', id, 'ok', [stream('pasted')]);
        draft.cells[id] = { run: str('r1'), trusted };
      });
      expect(ana.cell(id) === cell).toBe(true);
      expect(ana.code(id).outputs).toHaveLength(1);
    }
  });

  it('outputs with a blob that is loading can be cleared but not overwritten', async () => {
    const requests = new Requests();
    const r = await room(['a'], draft => {
      const part: BlobNode = { blob: str('f00'), size: 9, encoding: str('utf-8') };
      putRun(draft, 'r1', 'a', 'ok', [{ ...stream(''), chunks: [part] }]);
    });
    const ana = r.open({ requests, blobs: { get: () => new Promise(() => undefined) } });
    ana.code('a').appendStreamOutput(0, 'more');
    await nextCommand();
    expect(requests.asked).toEqual([]);
    ana.code('a').clearOutputs();
    await nextCommand();
    expect(requests.asked).toEqual([['clear', ['a'], { a: 'r1' }]]);
  });

  it('a change of the cell type clears the outputs', async () => {
    const requests = new Requests();
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('1')], 1);
    });
    const ana = r.open({ requests });
    ana.notebook.transact(() => {
      ana.notebook.deleteCell(0);
      ana.notebook.insertCell(0, { id: 'a', cell_type: 'markdown', source: '' });
    });
    await nextCommand();
    expect(requests.asked).toEqual([['clear', ['a'], {}]]);
  });

  it('writing the same outputs sends no request, and an appended text sends an import', async () => {
    const requests = new Requests();
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('1')], 1);
    });
    const ana = r.open({ requests });
    ana.code('a').updateOutputs(0, 1, [{ output_type: 'stream', name: 'stdout', text: ['1'] }]);
    await nextCommand();
    expect(requests.asked).toEqual([]);
    ana.code('a').appendStreamOutput(0, '2');
    await nextCommand();
    const output = { output_type: 'stream', name: 'stdout', text: '12' };
    expect(requests.asked).toEqual([['import', 'a', [output], 1, true, { a: 'r1' }]]);
  });
});

describe('trust', () => {
  const distrust = (draft: RuntimeNode, cell: string): void => {
    const entry = draft.cells[cell];
    if (entry !== undefined) {
      entry.trusted = false;
    }
  };

  it('follows the runtime document, and cells without outputs are trusted', async () => {
    const r = await room(['a', 'b'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('1')]);
      distrust(draft, 'a');
    });
    const ana = r.open();
    expect(ana.cell('a').getMetadata('trusted')).toBeUndefined();
    expect(ana.cell('b').getMetadata('trusted')).toBe(true);
    const gained: string[] = [];
    ana.notebook.trustGained.connect((_, id) => gained.push(id));
    r.serverWrites(draft => {
      const entry = draft.cells['a'];
      if (entry !== undefined) {
        entry.trusted = true;
      }
    });
    expect([gained, ana.cell('a').getMetadata()]).toEqual([['a'], { trusted: true }]);
  });

  it('that a cell gains keeps its wrapper if a listener applies the trust, and else replaces it', async () => {
    for (const follows of [true, false]) {
      const r = await room(['a'], draft => {
        putRun(draft, 'r1', 'a', 'ok', [stream('1')]);
        distrust(draft, 'a');
      });
      const ana = r.open();
      const old = ana.code('a');
      ana.notebook.trustGained.connect(() => {
        if (follows) {
          old.setMetadata('trusted', true);
        }
      });
      r.serverWrites(draft => {
        putRun(draft, 'r2', 'a', 'ok', [stream('2')]);
      });
      expect(ana.code('a') === old).toBe(follows);
      expect(ana.code('a').outputs).toHaveLength(1);
    }
  });

  it('an import of outputs that trust causes names the run to which they belong', async () => {
    const r = await room(['a', 'b'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [stream('old\n')]);
      putRun(draft, 'r2', 'b', 'ok', [stream('old\n')]);
    });
    const requests = new Requests();
    const ana = r.open({ requests });
    const [first, last] = [ana.code('a'), ana.code('b')];
    const old = last.getOutputs();
    // JupyterLab's outputs do so when their cell becomes trusted, before they know of the run.
    first.changed.connect(() => {
      last.updateOutputs(0, 1, old);
    });
    r.serverWrites(draft => {
      putRun(draft, 'r3', 'a', 'queued', []);
      putRun(draft, 'r4', 'b', 'queued', []);
    });
    await nextCommand();
    // The server learns from the name of the run that the cell has run since.
    expect(requests.asked).toMatchObject([['import', 'b', old, null, true, { b: 'r2' }]]);
    expect(last.getOutputs()).toEqual([]);
  });

  it('holds while the runtime document is missing, and ends before distrusted outputs are shown', async () => {
    const r = await room(['a', 'b'], draft => {
      putRun(draft, 'ra', 'a', 'ok', [stream('1')]);
      putRun(draft, 'rb', 'b', 'ok', [stream('2')]);
      distrust(draft, 'b');
    });
    const loaded = r.open().notebook.documents;
    const late = new RoomNotebook();
    const seen: unknown[] = [];
    late.documents.load('notebook', 'n', loaded.save('notebook'));
    const [a, b] = late.cells;
    a?.changed.connect((_, change) => seen.push(change));
    b?.changed.connect(() => seen.push('shown to a trusting view'));
    late.documents.load('runtime', 'r', loaded.save('runtime'));
    expect([late.cells[0] === a, late.cells[1] === b]).toEqual([true, false]);
    expect(seen).toMatchObject([{ outputsChange: [{ insert: [{}] }] }]);
    expect(late.cells.map(cell => cell.getMetadata('trusted'))).toEqual([true, undefined]);
  });

  it('of all cells is one request, and a cell that is being cleared sends none', async () => {
    const requests = new Requests();
    const r = await room(['a', 'b'], draft => {
      for (const id of ['a', 'b']) {
        putRun(draft, `r${id}`, id, 'ok', [stream('1')]);
        distrust(draft, id);
      }
    });
    const ana = r.open({ requests });
    ana.code('a').clearOutputs();
    ana.code('a').setMetadata('trusted', true);
    await nextCommand();
    expect(requests.asked).toEqual([['clear', ['a'], { a: 'ra' }]]);
    ana.code('a').setMetadata('trusted', true);
    ana.code('b').setMetadata({ trusted: true } as never);
    await nextCommand();
    expect(requests.asked.slice(1)).toEqual([['trust']]);
  });

  it('that a cell loses gives it a new wrapper before the distrusted outputs are shown', async () => {
    const r = await room(['a']);
    const ana = r.open();
    const old = ana.cell('a');
    const changes = listen(ana);
    r.serverWrites(draft => {
      putRun(draft, 'r1', 'a', 'ok', [display({ 'text/html': str('<script></script>') })]);
      distrust(draft, 'a');
    });
    expect(old.isDisposed).toBe(true);
    expect(changes).toEqual([{ cellsChange: [{ insert: [ana.cell('a')] }, { delete: 1 }] }]);
    expect(ana.cell('a').getMetadata('trusted')).toBeUndefined();
    expect(ana.code('a').outputs).toHaveLength(1);
  });
});
