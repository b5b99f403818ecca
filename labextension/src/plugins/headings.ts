/**
 * Folds headings as the notebook says, because JupyterLab reads the folding only when it makes the
 * cell.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MarkdownCell } from '@jupyterlab/cells';
import type { Notebook } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';

import type { NotebookBatch, RoomDocuments } from '../document/documents';
import { IRooms } from '../tokens';

const FOLDED = 'jp-MarkdownHeadingCollapsed';

export function followHeadings(content: Notebook, { notebookChanged }: RoomDocuments): void {
  const look = (_: unknown, { edit }: NotebookBatch): void => {
    for (const cell of content.widgets) {
      const { model } = cell;
      if (
        cell instanceof MarkdownCell &&
        edit.edited.get(model.id)?.metadata.has(FOLDED) === true
      ) {
        cell.headingCollapsed = model.getMetadata(FOLDED) === true;
      }
    }
  };
  notebookChanged.connect(look);
  content.disposed.connect(() => {
    notebookChanged.disconnect(look);
  });
}

export const headings: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:headings',
  description: 'Folds headings as the notebook says.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  activate: (_, rooms: IRooms, tracker: INotebookTracker) => {
    tracker.widgetAdded.connect((_sender, { content, context }) => {
      const room = rooms.of(context.model.sharedModel);
      if (room !== null) {
        followHeadings(content, room.model.documents);
      }
    });
  }
};
