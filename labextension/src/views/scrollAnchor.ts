/** Keeps the visible cell in its place on the screen while the cells around it change. */
import type { Cell } from '@jupyterlab/cells';
import type { StaticNotebook } from '@jupyterlab/notebook';

/** A visible cell, and its distance from the upper edge of its notebook. */
interface Held {
  cell: Cell;
  top: number;
}

/** The internals of a windowed list that are used here. */
interface ListInside {
  viewModel: { windowingActive: boolean; getSpan(first: number, last: number): [number, number] };
}

/** Records the place of a cell; the returned function restores the place. */
export function anchorScroll(notebook: StaticNotebook, cell: Cell): () => void {
  const held: Held = { cell, top: topOf(notebook, cell) };
  if (!isInSight(notebook, held)) {
    return () => undefined;
  }
  return () => {
    if (insideOf(notebook).windowingActive) {
      // The list learns of the change after its widget, and draws in the next frame.
      queueMicrotask(() => {
        approach(notebook, held);
        requestAnimationFrame(() => {
          requestAnimationFrame(() => {
            correct(notebook, held);
          });
        });
      });
    } else {
      correct(notebook, held);
    }
  };
}

function topOf({ outerNode }: StaticNotebook, { node }: Cell): number {
  return node.getBoundingClientRect().top - outerNode.getBoundingClientRect().top;
}

function isInSight({ outerNode }: StaticNotebook, { cell, top }: Held): boolean {
  const { height } = cell.node.getBoundingClientRect();
  return height > 0 && top < outerNode.clientHeight && top + height > 0;
}

/** Scrolls to the place at which the list expects the cell. */
function approach(notebook: StaticNotebook, { cell, top }: Held): void {
  const index = notebook.widgets.indexOf(cell);
  if (index >= 0) {
    const [offset] = insideOf(notebook).getSpan(index, index);
    notebook.outerNode.scrollTop = offset - top;
  }
}

function correct(notebook: StaticNotebook, { cell, top }: Held): void {
  if (!cell.isDisposed && cell.node.isConnected) {
    const by = topOf(notebook, cell) - top;
    if (Math.abs(by) >= 1) {
      notebook.outerNode.scrollTop += by;
    }
  }
}

function insideOf(notebook: StaticNotebook): ListInside['viewModel'] {
  return (notebook as unknown as ListInside).viewModel;
}
