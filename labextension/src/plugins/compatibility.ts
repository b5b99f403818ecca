/**
 * Checks whether notebooks can be rooms here. If not, one notice gives the reason, and notebooks
 * open in the usual way.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { NotebookWidgetFactory } from '@jupyterlab/notebook';
import { INotebookWidgetFactory } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { Api } from '../connection/api';
import type { Others } from '../rooms/conflicts';
import { conflictOf } from '../rooms/conflicts';
import { DOMAIN, IServerStatus } from '../tokens';

async function judge(api: Api, others: () => Others, trans: TranslationBundle): Promise<boolean> {
  try {
    const status = await api.status();
    const why = conflictOf(status, others(), trans);
    if (why !== null) {
      Notification.warning(why, { autoClose: false });
    }
    return why === null;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    Notification.warning(
      trans.__(
        'jupyter-runtimed got no answer from the server (%1). Notebooks open the ordinary way.',
        why
      ),
      { autoClose: false }
    );
    return false;
  }
}

export const compatibility: JupyterFrontEndPlugin<IServerStatus> = {
  id: 'jupyter-runtimed:compatibility',
  description: 'Finds out whether notebooks can be rooms of the server.',
  autoStart: true,
  requires: [INotebookWidgetFactory],
  optional: [ITranslator],
  provides: IServerStatus,
  activate: (app, factory: NotebookWidgetFactory.IFactory, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const api = new Api(app.serviceManager.serverSettings);
    const others = (): Others => ({
      provider: factory.contentProviderId ?? null,
      plugins: app.listPlugins()
    });
    return { api, usable: judge(api, others, trans) };
  }
};
