/**
 * Whether notebooks can be rooms here. If not, it says why, once, and notebooks open the ordinary
 * way.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { NotebookWidgetFactory } from '@jupyterlab/notebook';
import { INotebookWidgetFactory } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import type { ServerStatus } from '../connection/api';
import { Api } from '../connection/api';
import { PROTOCOL } from '../protocol/frames';
import { IServerPart } from './tokens';

export const DOMAIN = 'jupyter_runtimed';

/** What stands in the way; null if nothing does. */
export function obstacle(
  status: ServerStatus | null,
  taken: string | null,
  trans: TranslationBundle
): string | null {
  const ordinary = trans.__('Notebooks open the ordinary way.');
  if (status === null) {
    return `${trans.__('The server part of jupyter-runtimed is not there: enable it with “jupyter server extension enable jupyter_runtimed”.')} ${ordinary}`;
  }
  const others = [...status.conflicts, ...(taken === null ? [] : [taken])];
  if (others.length > 0) {
    return `${trans.__('jupyter-runtimed cannot work beside %1: disable one of the two.', others.join(', '))} ${ordinary}`;
  }
  if (status.protocol !== PROTOCOL) {
    return `${trans.__('The server speaks another version of jupyter-runtimed: reload this page.')} ${ordinary}`;
  }
  return null;
}

async function judge(
  api: Api,
  factory: NotebookWidgetFactory.IFactory,
  trans: TranslationBundle
): Promise<boolean> {
  try {
    const status = await api.status();
    const why = obstacle(status, factory.contentProviderId ?? null, trans);
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

export const guard: JupyterFrontEndPlugin<IServerPart> = {
  id: 'jupyter-runtimed:guard',
  description: 'Finds out whether notebooks can be rooms of the server.',
  autoStart: true,
  requires: [INotebookWidgetFactory],
  optional: [ITranslator],
  provides: IServerPart,
  activate: (app, factory: NotebookWidgetFactory.IFactory, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const api = new Api(app.serviceManager.serverSettings);
    return { api, usable: judge(api, factory, trans) };
  }
};
