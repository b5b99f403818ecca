// @vitest-environment jsdom
import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import type { ShownCell } from '../../src/views/cells';
import { cellsView } from '../../src/views/cells';

const trans = nullTranslator.load('jupyter_runtimed');
const captions = { before: 'Before', after: 'After' };
const cell = (before: string | null, after: string | null, more: Partial<ShownCell> = {}) => ({
  ...({ id: 'a', type: 'code', before, after, moved: false, other: false } as const),
  ...more
});
const shown = (...cells: ShownCell[]): HTMLElement => cellsView(cells, captions, trans);
const texts = (view: HTMLElement, selector: string): (string | null)[] =>
  [...view.querySelectorAll(selector)].map(found => found.textContent);

describe('cells side by side', () => {
  it('mark deleted and inserted text', () => {
    const view = shown(cell('a = one\nb = 2', 'a = other\nb = 2'));
    expect(texts(view, 'pre')).toEqual(['a = one\nb = 2', 'a = other\nb = 2']);
    expect(texts(view, 'ins')).toEqual(['other']);
    expect(texts(view, 'del')).toEqual(['one']);
    expect(texts(view, 'h3')).toEqual(['Changed']);
  });

  it('are labelled with the kind of their change', () => {
    const view = shown(
      cell(null, 'new'),
      cell('old', null),
      cell('x', 'y', { moved: true }),
      cell('x', 'x', { outputs: true }),
      cell('x', 'x', { other: true })
    );
    expect(texts(view, 'h3')).toEqual([
      'Added',
      'Deleted',
      'Changed · Moved',
      'Outputs',
      'Type or metadata'
    ]);
  });

  it('show HTML in a source as plain text', () => {
    const view = shown(cell(null, '<img src=x onerror=alert(1)>'));
    expect(view.querySelector('img')).toBeNull();
    expect(texts(view, 'pre')).toEqual(['<img src=x onerror=alert(1)>']);
  });
});
