/** What JupyterLab's notebooks must be able to do so that a cell that moves keeps its editor. */
import { extendCellModelLists } from './cellModelList';
import { extendNotebookWidgets } from './notebookWidget';

let taught: boolean | null = null;

/** Whether this JupyterLab can be made to move cells; it is from the first call on. */
export function installViewExtensions(): boolean {
  taught ??= extendNotebookWidgets() && extendCellModelLists();
  return taught;
}
