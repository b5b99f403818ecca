/**
 * Hides JupyterLab's dialog about a lost connection from users of a room. The dialog appears
 * repeatedly and takes the user's keys, while the room works on and shows its status.
 */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ConnectionLost, IConnectionLost } from '@jupyterlab/application';
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { PageConfig } from '@jupyterlab/coreutils';
import type { IDocumentWidget } from '@jupyterlab/docregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IRooms } from '../tokens';

const HUB_RESTART = 'hub:restart';

/**
 * Shows JupyterHub's dialog outside of rooms. JupyterLab has only one provider of
 * `IConnectionLost`, and this extension replaces the Hub's.
 */
function hubsDialog(app: JupyterFrontEnd): IConnectionLost {
  let isOpen = false;
  return async () => {
    if (isOpen) {
      return;
    }
    isOpen = true;
    try {
      // JupyterLab has the same sentences, and language packs translate them there.
      const translator = (await app.resolveOptionalService(ITranslator)) ?? nullTranslator;
      const trans = translator.load('jupyterlab');
      const { button } = await showDialog({
        title: trans.__('Server unavailable or unreachable'),
        body: trans.__(
          'Your server at %1 is not running.\nWould you like to restart it?',
          PageConfig.getBaseUrl()
        ),
        buttons: [
          Dialog.okButton({ label: trans.__('Restart') }),
          Dialog.cancelButton({ label: trans.__('Dismiss') })
        ]
      });
      if (button.accept) {
        await app.commands.execute(HUB_RESTART);
      }
    } finally {
      isOpen = false;
    }
  };
}

/**
 * The plugin requires nothing, because JupyterLab's application waits for it, and notebooks wait
 * for the application.
 */
export const connectionLost: JupyterFrontEndPlugin<IConnectionLost> = {
  id: 'jupyter-runtimed:connection-lost',
  description: 'Keeps the dialog about a lost server away from notebooks that are rooms.',
  autoStart: true,
  provides: IConnectionLost,
  activate: app => {
    const isHub = PageConfig.getOption('hubPrefix') !== '';
    const ask = isHub ? hubsDialog(app) : ConnectionLost;
    return async (...told) => {
      const rooms = await app.resolveOptionalService(IRooms);
      const { context } = (app.shell.currentWidget ?? {}) as Partial<IDocumentWidget>;
      const room = rooms?.of(context?.model.sharedModel) ?? null;
      if (room === null) {
        await ask(...told);
      }
    };
  }
};
