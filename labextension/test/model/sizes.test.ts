import { describe, expect, it } from 'vitest';
import { str } from '../../src/document/automerge';
import { STEP_BYTES, STREAM_BYTES, VALUE_BYTES } from '../../src/document/outputs';
import type { BlobNode, OutputNode, RuntimeNode } from '../../src/document/schema';
import type { RuntimeRequests } from '../../src/model/outputRequests';
import { display, putRun, stream } from '../document/agent';
import { nextCommand, room } from './room';

const MIB = 1024 * 1024;

/** Returns the name of each blob as its text, and records the fetched blobs. */
class FakeBlobs {
  readonly fetched: string[] = [];

  get(sha256: string): Promise<string> {
    this.fetched.push(sha256);
    return Promise.resolve(`<${sha256}>`);
  }
}

class Imports implements RuntimeRequests {
  readonly asked: unknown[] = [];
  clear = (): Promise<void> => Promise.resolve();
  trust = (): Promise<void> => Promise.resolve();
  importOutputs = (...args: unknown[]): Promise<void> => {
    this.asked.push(args);
    return Promise.resolve();
  };
}

function part(name: string, size: number, encoding = 'utf-8'): BlobNode {
  return { blob: str(name), size, encoding: str(encoding) };
}

function longStream(tail: string, ...blobs: BlobNode[]): OutputNode {
  return { ...stream(tail), chunks: [...blobs, str(tail)] };
}

function chunksOf(draft: RuntimeNode): NonNullable<OutputNode['chunks']> {
  return draft.runs['r1']?.outputs[0]?.chunks ?? [];
}

describe('a very long stream', () => {
  it('shows its end, fetches no blob and reports the size of the rest', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [longStream('the end\n', part('1', 60 * MIB))]);
    });
    const fakeBlobs = new FakeBlobs();
    const ana = r.open({ blobs: fakeBlobs });
    expect(ana.code('a').outputs).toMatchObject([{ text: 'the end\n' }]);
    expect(ana.notebook.core.runs.held('a')).toBe(60 * MIB);
    await nextCommand();
    expect(fakeBlobs.fetched).toEqual([]);
  });

  it('shows more of its text with each request', async () => {
    const blobs = ['1', '2', '3', '4', '5'].map(name => part(name, MIB));
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [longStream('the end\n', ...blobs)]);
    });
    const fakeBlobs = new FakeBlobs();
    const ana = r.open({ blobs: fakeBlobs });
    const { runs } = ana.notebook.core;
    const showMore = async (): Promise<unknown> => {
      runs.showMore('a');
      await nextCommand();
      return ana.code('a').outputs[0]?.['text'];
    };
    expect(STEP_BYTES).toBe(2 * MIB);
    expect(await showMore()).toBe('<4><5>the end\n');
    expect(runs.held('a')).toBe(3 * MIB);
    expect(await showMore()).toBe('<2><3><4><5>the end\n');
    expect(await showMore()).toBe('<1><2><3><4><5>the end\n');
    expect(runs.held('a')).toBe(0);
    expect(fakeBlobs.fetched.length).toBe(5);
  });

  it('grows at its end while its beginning is held back', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'running', [longStream('tick\n', part('1', MIB))]);
    });
    const fakeBlobs = new FakeBlobs();
    const ana = r.open({ blobs: fakeBlobs });
    const told: string[] = [];
    ana.notebook.core.runs.told.connect((_, cell) => told.push(cell));
    r.serverWrites(draft => {
      chunksOf(draft).push(str('tock\n'));
    });
    expect(ana.code('a').outputs).toMatchObject([{ text: 'tick\ntock\n' }]);
    expect(told).toEqual(['a']);
    expect(fakeBlobs.fetched).toEqual([]);
  });

  it('is shown in full up to STREAM_BYTES', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [longStream('the end\n', part('1', STREAM_BYTES))]);
    });
    const ana = r.open({ blobs: new FakeBlobs() });
    expect(ana.notebook.core.runs.held('a')).toBe(0);
    await nextCommand();
    expect(ana.code('a').outputs).toMatchObject([{ text: '<1>the end\n' }]);
  });

  it('is left out of the JSON of its cell and never imported in part', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'ok', [longStream('the end\n', part('1', MIB))]);
    });
    const requests = new Imports();
    const ana = r.open({ blobs: new FakeBlobs(), requests });
    const cell = ana.code('a');
    expect(cell.toJSON().outputs).toEqual([]);
    cell.updateOutputs(1, 1, [{ output_type: 'stream', name: 'stdout', text: 'more' }]);
    await nextCommand();
    expect(requests.asked).toEqual([]);
  });
});

describe('outputs that are larger than the limit of a call', () => {
  it('are not imported', async () => {
    const r = await room(['a']);
    const requests = new Imports();
    const ana = r.open({ requests });
    const paste = async (size: number): Promise<number> => {
      const text = 'x'.repeat(size);
      ana.code('a').setOutputs([{ output_type: 'stream', name: 'stdout', text }]);
      await nextCommand();
      return requests.asked.length;
    };
    expect(await paste(1_200_000)).toBe(0);
    expect(await paste(500_000)).toBe(1);
  });
});

describe('a very large value', () => {
  it('is a placeholder until the user requests it', async () => {
    const r = await room(['a'], draft => {
      const image = display({ 'image/png': part('image', VALUE_BYTES + 1, 'base64') });
      putRun(draft, 'r1', 'a', 'ok', [image]);
    });
    const fakeBlobs = new FakeBlobs();
    const placeholder = (mime: string, _: number, __: boolean, held: boolean): string =>
      `${mime} ${held ? 'held' : 'on its way'}`;
    const ana = r.open({ blobs: fakeBlobs, placeholder });
    const data = (): unknown => ana.code('a').outputs[0]?.['data'];
    expect(data()).toEqual({ 'text/plain': 'image/png held' });
    expect(fakeBlobs.fetched).toEqual([]);
    ana.notebook.core.runs.showMore('a');
    expect(data()).toEqual({ 'text/plain': 'image/png on its way' });
    await nextCommand();
    expect(data()).toEqual({ 'image/png': '<image>' });
    expect(ana.notebook.core.runs.held('a')).toBe(0);
  });
});

describe('a very long error', () => {
  const error = (size: number): OutputNode => ({
    id: str('e1'),
    type: str('error'),
    ename: str('Long'),
    evalue: str('short'),
    traceback: [part('lines', size, 'json'), str('the last line')]
  });

  it('shows all of its lines when their blob arrives', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'error', [error(9000)]);
    });
    const ana = r.open({ blobs: { get: () => Promise.resolve('["first","second"]') } });
    const shown = (): unknown => ana.code('a').outputs[0]?.['traceback'];
    expect(shown()).toEqual(['application/json, 9000 bytes: loading', 'the last line']);
    await nextCommand();
    expect(shown()).toEqual(['first', 'second', 'the last line']);
  });

  it('shows its name if all of its lines are in a blob', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'error', [
        { ...error(5 * MIB), traceback: [part('lines', 5 * MIB, 'json')] }
      ]);
    });
    const ana = r.open({ blobs: { get: () => Promise.resolve('["first"]') } });
    const shown = (): unknown => ana.code('a').outputs[0]?.['traceback'];
    expect(shown()).toEqual([`application/json, ${5 * MIB} bytes`, 'Long']);
    ana.notebook.core.runs.showMore('a');
    await nextCommand();
    expect(shown()).toEqual(['first']);
  });

  it('shows its last line until the user requests the rest', async () => {
    const r = await room(['a'], draft => {
      putRun(draft, 'r1', 'a', 'error', [error(5 * MIB)]);
    });
    const ana = r.open({ blobs: { get: () => Promise.resolve('["first"]') } });
    const shown = (): unknown => ana.code('a').outputs[0]?.['traceback'];
    expect(ana.notebook.core.runs.held('a')).toBe(5 * MIB);
    expect(shown()).toEqual([`application/json, ${5 * MIB} bytes`, 'the last line']);
    ana.notebook.core.runs.showMore('a');
    expect(shown()).toEqual([`application/json, ${5 * MIB} bytes: loading`, 'the last line']);
    await nextCommand();
    expect(shown()).toEqual(['first', 'the last line']);
  });
});
