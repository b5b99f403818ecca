/**
 * Without a server, JupyterLab's dialog about it stays away from who works in a room: it comes again
 * and again, and takes what is being typed. The notebook goes on, and its status says all of it.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ConnectionLost, IConnectionLost } from '@jupyterlab/application';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IDocumentWidget } from '@jupyterlab/docregistry';

import { IRooms } from './tokens';

/** Nothing is required: JupyterLab's application waits for this, and notebooks for that. */
const unasked: JupyterFrontEndPlugin<IConnectionLost> = {
  id: 'jupyter-runtimed:unasked',
  description: 'Keeps the dialog about a lost server away from notebooks that are rooms.',
  autoStart: true,
  provides: IConnectionLost,
  activate:
    app =>
    async (...told) => {
      const rooms = await app.resolveOptionalService(IRooms);
      const { context } = (app.shell.currentWidget ?? {}) as Partial<IDocumentWidget>;
      const room = rooms?.of(context?.model.sharedModel) ?? null;
      if (room === null) {
        await ConnectionLost(...told);
      }
    }
};

/** JupyterHub's own dialog can start the server again: it stays. */
export const unaskedPlugins = PageConfig.getOption('hubPrefix') === '' ? [unasked] : [];
