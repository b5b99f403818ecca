/** Extends JupyterLab's notebooks so that a cell that moves keeps its editor. */
import { extendCellModelLists } from './cellModelList';
import { extendNotebookWidgets } from './notebookWidget';

let taught: boolean | null = null;

/** Returns whether this JupyterLab can move cells; the first call installs the extension. */
export function installViewExtensions(): boolean {
  taught ??= extendNotebookWidgets() && extendCellModelLists();
  return taught;
}
