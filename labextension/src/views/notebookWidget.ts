/**
 * JupyterLab's notebook widget, extended to move a cell's widget and to replace one by another.
 *
 * The widget of a cell that moves stays: its editor keeps focus, selection and composition. If a
 * new widget is needed, because JupyterLab has a class for each type of cell, it is put on the page
 * and gets the user's state from the old widget before that one is removed.
 */
import type { Cell, ICellModel } from '@jupyterlab/cells';
import { MarkdownCell } from '@jupyterlab/cells';
import type { CellList } from '@jupyterlab/notebook';
import { NotebookActions, StaticNotebook } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import type { Possession } from './handover';
import { handOver, possessionOf, prepare } from './handover';
import { anchorScroll } from './scrollAnchor';
import type { ListChange } from './cellModelList';
import { orderElements } from './domOrder';

/** A focused cell that is about to be removed. */
export interface Going {
  notebook: StaticNotebook;
  cell: Cell;
  possession: Possession;
}

/** Emits such a cell before its removal, so that the focus can move elsewhere. */
export const going = new Signal<object, Going>({});

interface NotebookInside {
  _onCellsChanged(list: CellList, change: ListChange): void;
  _itemsResizeObserver?: ResizeObserver | null;
}

/** Returns false if this JupyterLab's notebook differs. */
export function extendNotebookWidgets(): boolean {
  const inside = StaticNotebook.prototype as unknown as Partial<NotebookInside>;
  const { _onCellsChanged: stock } = inside;
  if (typeof stock !== 'function') {
    return false;
  }
  inside._onCellsChanged = function (
    this: StaticNotebook,
    list: CellList,
    change: ListChange
  ): void {
    const tell = (one: ListChange): void => {
      stock.call(this as unknown as NotebookInside, list, one);
    };
    if (change.type === 'move') {
      moveCell(this, change.oldIndex, change.newIndex);
    } else if (change.type === 'set') {
      replaceCell(this, change, tell);
    } else {
      if (change.type === 'remove') {
        announce(this, change);
      }
      tell(change);
    }
  };
  return true;
}

function announce(notebook: StaticNotebook, { oldIndex, oldValues }: ListChange): void {
  for (const cell of notebook.widgets.slice(oldIndex, oldIndex + oldValues.length)) {
    const possession = possessionOf(cell);
    if (possession?.inText === true) {
      going.emit({ notebook, cell, possession });
    }
  }
}

function moveCell(notebook: StaticNotebook, from: number, to: number): void {
  const cells = notebook.widgets as Cell[];
  const focused = cells.find(cell => cell.node.contains(document.activeElement)) ?? null;
  const putBack = focused === null ? () => undefined : anchorScroll(notebook, focused);
  cells.splice(to, 0, ...cells.splice(from, 1));
  const place = new Map<Widget, number>();
  cells.forEach((cell, i) => {
    place.set(cell, i);
    if (cell.dataset['windowedListIndex'] !== undefined) {
      cell.dataset['windowedListIndex'] = `${i}`;
    }
  });
  const nodes = cells.map(cell => cell.node);
  orderElements(notebook.viewportNode, nodes, focused?.node ?? null);
  // The layout's own way to move a widget takes its element out of the page.
  (notebook.layout.widgets as Widget[]).sort(
    (one, other) => (place.get(one) ?? 0) - (place.get(other) ?? 0)
  );
  unfold(notebook);
  notebook.update();
  putBack();
}

/** Cells under a folded heading are hidden: a cell that moved may be under another one. */
function unfold(notebook: StaticNotebook): void {
  const folded = (cell: Cell): boolean => cell instanceof MarkdownCell && cell.headingCollapsed;
  if (!notebook.widgets.some(cell => folded(cell) || cell.isHidden)) {
    return;
  }
  notebook.widgets.forEach(cell => {
    cell.setHidden(false);
  });
  notebook.widgets.filter(folded).forEach(cell => {
    NotebookActions.setHeadingCollapse(cell, true, notebook);
  });
}

function replaceCell(
  notebook: StaticNotebook,
  { newIndex: at, newValues }: ListChange,
  tell: (change: ListChange) => void
): void {
  const old = notebook.widgets[at];
  const possession = old === undefined ? null : possessionOf(old);
  const { scrollTop } = notebook.outerNode;
  tell({ type: 'add', oldIndex: -2, newIndex: at, oldValues: [], newValues });
  const cell = notebook.widgets[at];
  if (possession !== null && cell !== undefined && old !== undefined) {
    prepare(cell, possession);
    putOnPage(notebook, at, cell, old);
    handOver(cell, possession);
  }
  // The list reports only the number of removed cells.
  const oldValues = newValues.map(() => undefined) as unknown as ICellModel[];
  tell({ type: 'remove', oldIndex: at + 1, newIndex: -1, oldValues, newValues: [] });
  if (possession !== null) {
    notebook.outerNode.scrollTop = scrollTop;
  }
}

/** Makes a cell's editor, which JupyterLab postpones until the cell is drawn. */
function putOnPage(notebook: StaticNotebook, at: number, cell: Cell, above: Cell): void {
  const { layout } = notebook;
  const place = layout.widgets.indexOf(above);
  cell.dataset['windowedListIndex'] = `${at}`;
  layout.insertWidget(place < 0 ? layout.widgets.length : place, cell);
  (notebook as unknown as NotebookInside)._itemsResizeObserver?.observe(cell.node);
}
