/**
 * JupyterLab's list of cell models, extended to move and to replace a cell.
 *
 * JupyterLab's list has insertions and removals only, so a moved or retyped cell lost its editor.
 * The list's signal has the words `move` and `set`, which `notebookWidget.ts` handles. Lists of
 * ordinary notebooks work as before.
 */
import type { ICellModel } from '@jupyterlab/cells';
import type { ISharedCell, ISharedNotebook, NotebookChange } from '@jupyter/ydoc';
import { CellList } from '@jupyterlab/notebook';
import type { ISignal } from '@lumino/signaling';

import type { CellStage } from '../model/cellList';
import type { RoomNotebook } from '../model/notebook';

/** The internals of `CellList` that are used here. */
interface ListInside {
  _cellMap: WeakMap<ISharedCell, ICellModel>;
  _insertCells(index: number, cells: readonly ISharedCell[]): void;
  _onSharedModelChanged(notebook: ISharedNotebook, change: NotebookChange): void;
}

/** A change of the list in JupyterLab's form. */
export type ListChange = CellList['changed'] extends ISignal<CellList, infer Args> ? Args : never;

/** The list's signal as the list holds it. */
interface Emitter {
  emit(change: ListChange): void;
}

/** Returns false if this JupyterLab's list differs; then a cell that moves gets a new wrapper. */
export function extendCellModelLists(): boolean {
  const inside = CellList.prototype as unknown as Partial<ListInside>;
  const { _onSharedModelChanged: stock, _insertCells: insert } = inside;
  if (typeof stock !== 'function' || typeof insert !== 'function') {
    return false;
  }
  inside._onSharedModelChanged = function (
    this: CellList,
    notebook: ISharedNotebook,
    change: NotebookChange
  ): void {
    if (!isRoomNotebook(notebook) || !notebook.keepsMoved || change.cellsChange === undefined) {
      stock.call(this as unknown as ListInside, notebook, change);
      return;
    }
    for (const stage of notebook.core.dispatch.walk()) {
      follow(this, notebook, stage, stock);
    }
  };
  return true;
}

function follow(
  list: CellList,
  notebook: RoomNotebook,
  stage: CellStage,
  stock: ListInside['_onSharedModelChanged']
): void {
  const inside = list as unknown as ListInside;
  const changed = list.changed as unknown as Emitter;
  switch (stage.kind) {
    case 'insert':
      stock.call(inside, notebook, {
        cellsChange: [{ retain: stage.at }, { insert: stage.made }]
      });
      break;
    case 'remove':
      stock.call(inside, notebook, {
        cellsChange: [{ retain: stage.at }, { delete: stage.count }]
      });
      break;
    case 'move': {
      const { from: oldIndex, to: newIndex } = stage;
      const values = [list.get(newIndex)];
      changed.emit({ type: 'move', oldIndex, newIndex, oldValues: values, newValues: values });
      break;
    }
    case 'replace': {
      const { at, made, old } = stage;
      const former = inside._cellMap.get(old);
      inside._insertCells(at, [made]);
      changed.emit({
        type: 'set',
        oldIndex: at,
        newIndex: at,
        oldValues: former === undefined ? [] : [former],
        newValues: [list.get(at)]
      });
      break;
    }
  }
}

function isRoomNotebook(notebook: unknown): notebook is RoomNotebook {
  return (notebook as Partial<RoomNotebook>).isRoomNotebook === true;
}
