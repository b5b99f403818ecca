import { describe, expect, it } from 'vitest';
import { putRun, stream } from '../document/agent';
import { room } from './room';

/** Properties that each plain object of JavaScript has; `__proto__` also sets the prototype. */
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__'
];
const PLAIN = NAMES.filter(name => name !== '__proto__');

describe('names of JavaScript object properties', () => {
  it.each(PLAIN)('are ordinary ids of cells and keys of metadata: %s', async name => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const [ana, ben] = [r.open(), r.open()];
    ana.notebook.insertCell(1, { cell_type: 'markdown', id: name, source: 'y', metadata: {} });
    ana.cell(name).setMetadata(name, { [name]: 1 });
    ana.notebook.setMetadata(name, 'n');
    r.sync();
    for (const peer of [ana, ben]) {
      expect(peer.ids).toEqual(['a', name]);
      expect(peer.cell(name).getSource()).toBe('y');
      expect(peer.cell(name).getMetadata(name)).toEqual({ [name]: 1 });
      expect(peer.notebook.getMetadata(name)).toBe('n');
      expect(peer.cell('a').getMetadata(name)).toBeUndefined();
    }
    ben.cell(name).deleteMetadata(name);
    ben.notebook.deleteCell(1);
    r.sync();
    expect(ana.ids).toEqual(['a']);
  });

  it.each(PLAIN)('are ordinary ids of cells and runs in the runtime document: %s', async name => {
    const r = await room([{ id: name, source: 'x', type: 'code' }]);
    const ana = r.open();
    expect(ana.code(name).outputs).toEqual([]);
    r.serverWrites(draft => {
      putRun(draft, name, name, 'ok', [stream('hello')], 3);
    });
    expect(ana.code(name).outputs.map(output => output['text'])).toEqual(['hello']);
    expect(ana.code(name).execution_count).toBe(3);
  });

  it('the cell id __proto__ is replaced, and the key __proto__ is left out', async () => {
    const r = await room([{ id: 'a', source: 'x' }]);
    const [ana, ben] = [r.open(), r.open()];
    const metadata = JSON.parse('{"__proto__": {"polluted": true}, "k": 1}') as object;
    ana.notebook.insertCell(1, {
      cell_type: 'markdown',
      id: '__proto__',
      source: 'y',
      metadata,
      attachments: JSON.parse('{"__proto__": {"text/plain": "a"}}') as object
    } as never);
    ana.notebook.setMetadata({ ...ana.notebook.getMetadata(), ...metadata } as never);
    r.sync();
    for (const peer of [ana, ben]) {
      expect(peer.sources).toEqual(['x', 'y']);
      expect(peer.ids).not.toContain('__proto__');
      expect(peer.notebook.cells[1]?.getMetadata()).toEqual({ k: 1 });
      expect(peer.notebook.getMetadata('k')).toBe(1);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});
