/** Cells before and after a change, side by side, as elements of a dialog. */
import { presentableDiff } from '@codemirror/merge';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { CellDifference } from '../document/difference';

export interface Captions {
  before: string;
  after: string;
}

/** If only the outputs of a cell differ, there is no text to show. */
export interface ShownCell extends CellDifference {
  outputs?: boolean;
}

export function cellsView(
  cells: readonly ShownCell[],
  captions: Captions,
  trans: TranslationBundle
): HTMLElement {
  const list = element('div', 'jp-RuntimedCellDiff');
  list.append(...cells.map(cell => section(cell, captions, trans)));
  return list;
}

function section(cell: ShownCell, captions: Captions, trans: TranslationBundle): HTMLElement {
  const whole = element('section', 'jp-RuntimedCellDiff-cell');
  const heading = element('h3', 'jp-RuntimedCellDiff-what');
  heading.textContent = whatHappened(cell, trans);
  whole.append(heading);
  if (cell.before !== cell.after) {
    whole.append(sides(cell, captions));
  } else if (cell.after !== null) {
    whole.append(text(cell.after.slice(0, 200), []));
  }
  return whole;
}

function whatHappened(cell: ShownCell, trans: TranslationBundle): string {
  if (cell.before === null && cell.after !== null) {
    return trans.__('Added');
  }
  if (cell.after === null) {
    return trans.__('Deleted');
  }
  const said = [
    cell.before === cell.after ? '' : trans.__('Changed'),
    cell.moved ? trans.__('Moved') : '',
    cell.other ? trans.__('Type or metadata') : '',
    cell.outputs === true ? trans.__('Outputs') : ''
  ];
  return said.filter(word => word !== '').join(' · ');
}

interface Marked {
  from: number;
  to: number;
}

function sides({ before, after }: CellDifference, captions: Captions): HTMLElement {
  const changes =
    before === null || after === null ? [] : presentableDiff(before, after, { scanLimit: 1000 });
  const both = element('div', 'jp-RuntimedCellDiff-sides');
  const old = changes.map(({ fromA, toA }) => ({ from: fromA, to: toA }));
  const now = changes.map(({ fromB, toB }) => ({ from: fromB, to: toB }));
  both.append(side(captions.before, before, old, 'del'), side(captions.after, after, now, 'ins'));
  return both;
}

function side(
  caption: string,
  source: string | null,
  marked: readonly Marked[],
  tag: 'del' | 'ins'
): HTMLElement {
  const column = element('div', 'jp-RuntimedCellDiff-side');
  const label = element('div', 'jp-RuntimedCellDiff-caption');
  label.textContent = caption;
  column.append(label, source === null ? element('p', '') : text(source, marked, tag));
  return column;
}

function text(source: string, marked: readonly Marked[], tag: 'del' | 'ins' = 'ins'): HTMLElement {
  const pre = element('pre', 'jp-RuntimedCellDiff-text');
  let at = 0;
  for (const { from, to } of marked) {
    const mark = document.createElement(tag);
    mark.textContent = source.slice(from, to);
    pre.append(source.slice(at, from), mark);
    at = to;
  }
  pre.append(source.slice(at));
  return pre;
}

function element(tag: string, className: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}
