/** Keeps what one looks at in its place on the screen while the cells around it change. */
import type { Cell } from '@jupyterlab/cells';
import type { StaticNotebook } from '@jupyterlab/notebook';

/** A cell that is in sight, and how far below the upper edge of its notebook it stands. */
interface Held {
  cell: Cell;
  top: number;
}

/** As much of the inside of a windowed list as is used here. */
interface ListInside {
  viewModel: { windowingActive: boolean; getSpan(first: number, last: number): [number, number] };
}

/** Notes where a cell stands; what it returns puts the cell there again. */
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

/** Scrolls to where the list believes the cell to be. */
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
