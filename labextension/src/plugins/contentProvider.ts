/** Makes notebooks rooms: registers their content provider if the server part is usable. */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookWidgetFactory } from '@jupyterlab/notebook';
import { INotebookWidgetFactory } from '@jupyterlab/notebook';
import type { Contents, ContentsManager } from '@jupyterlab/services';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { OfflineStore } from '../connection/offlineStore';
import { DOMAIN, IRooms, IServerStatus } from '../tokens';

const PROVIDER = 'jupyter-runtimed';
const CLIENT = 'jupyter-runtimed-lab 0.1.0';

/** Rooms are unavailable because the server part cannot be used. */
class NoRooms implements IRooms {
  readonly opened: Signal<IRooms, never> = new Signal<IRooms, never>(this);
  readonly savedOffline: Signal<IRooms, never> = new Signal<IRooms, never>(this);
  readonly store = Promise.resolve(null);

  of(): null {
    return null;
  }
}

/** The browser's storage counts as blocked after this time, because some browsers never answer. */
const OPEN_STORE_MS = 5000;

async function openStore(baseUrl: string): Promise<OfflineStore | null> {
  try {
    const store = await within(OPEN_STORE_MS, OfflineStore.open(baseUrl));
    void store.sweep(Date.now()).catch(() => undefined);
    return store;
  } catch (error) {
    console.warn(
      'This browser keeps nothing; edits made without a server end with the page:',
      error
    );
    return null;
  }
}

/** Reject if a promise takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return await new Promise((resolve, reject) => {
    setTimeout(() => {
      reject(new Error(`no answer within ${ms / 1000} s`));
    }, ms);
    promise.then(resolve, reject);
  });
}

async function activate(
  contents: Contents.IManager,
  factory: NotebookWidgetFactory.IFactory,
  server: IServerStatus,
  translator: ITranslator | null
): Promise<IRooms> {
  const { defaultDrive: drive } = contents as Partial<ContentsManager>;
  // A separate import, so that ordinary notebooks work if it fails to load; imported at once,
  // because JupyterLab opens no notebook before the content provider is known.
  const [usable, { RoomContentProvider }, { startAutomerge }, { installViewExtensions }] =
    await Promise.all([
      server.usable,
      import('../rooms/roomContentProvider'),
      import('../document/automerge'),
      import('../views/install')
    ]);
  if (!usable || drive?.contentProviderRegistry === undefined) {
    return new NoRooms();
  }
  void startAutomerge().catch(() => undefined);
  const provider = new RoomContentProvider({
    drive,
    api: server.api,
    client: CLIENT,
    started: startAutomerge,
    keepsMoved: installViewExtensions(),
    disableDocumentWideUndoRedo: () => factory.notebookConfig.disableDocumentWideUndoRedo,
    store: openStore(server.api.settings.baseUrl),
    trans: (translator ?? nullTranslator).load(DOMAIN)
  });
  drive.contentProviderRegistry.register(PROVIDER, provider);
  factory.contentProviderId = PROVIDER;
  return provider;
}

export const contentProvider: JupyterFrontEndPlugin<IRooms> = {
  id: 'jupyter-runtimed:content-provider',
  description: 'Opens notebooks as rooms of the server.',
  autoStart: true,
  requires: [INotebookWidgetFactory, IServerStatus],
  optional: [ITranslator],
  provides: IRooms,
  activate: async (
    app,
    factory: NotebookWidgetFactory.IFactory,
    server: IServerStatus,
    translator: ITranslator | null
  ) => {
    try {
      return await activate(app.serviceManager.contents, factory, server, translator);
    } catch (error) {
      console.error('Notebooks open the ordinary way:', error);
      return new NoRooms();
    }
  }
};
