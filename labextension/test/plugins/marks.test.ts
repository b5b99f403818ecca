// @vitest-environment jsdom
import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import * as am from '../../src/document/automerge';
import type { RunNode } from '../../src/document/schema';
import { mark, markOf } from '../../src/views/cellMark';

const trans = nullTranslator.load('');

function run(state: string, reason: string): RunNode {
  return {
    cell_id: am.str('a'),
    by: am.str('ana'),
    state: am.str(state),
    reason: am.str(reason),
    outputs: []
  };
}

describe('the mark of a cell', () => {
  it('gives the reason of a lost run', () => {
    const lost = run('lost', 'the server was restarted');
    expect(markOf(lost, trans)).toBe('Interrupted: the server was restarted');
    expect(markOf(run('lost', ''), trans)).toBe('Interrupted');
  });

  it('gives the reason of a run that did not start because the kernel died', () => {
    expect(markOf(run('cancelled', 'the kernel died'), trans)).toBe('Not run: the kernel died');
  });

  it('is absent if a user or an earlier error cancelled the run, and in all other states', () => {
    for (const reason of ['cancelled', 'interrupted', 'an earlier cell failed', '']) {
      expect(markOf(run('cancelled', reason), trans)).toBeNull();
    }
    for (const state of ['ok', 'error', 'queued', 'running']) {
      expect(markOf(run(state, ''), trans)).toBeNull();
    }
    expect(markOf(undefined, trans)).toBeNull();
  });

  it('stands once below the outputs, is replaced and is removed', () => {
    const node = document.createElement('div');
    node.innerHTML = '<div class="jp-Cell-outputWrapper"></div><div class="jp-CellFooter"></div>';
    mark({ node }, 'one');
    mark({ node }, 'two');
    expect([...node.children].map(({ className }) => className)).toEqual([
      'jp-Cell-outputWrapper',
      'jp-RuntimedCellMark',
      'jp-CellFooter'
    ]);
    expect(node.textContent).toBe('two');
    mark({ node }, null);
    expect(node.children).toHaveLength(2);
  });
});
