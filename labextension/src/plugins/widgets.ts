/**
 * Jupyter widgets in rooms: a widget is shown after its model has arrived, and its state is saved
 * if the user wishes.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { modelReady, filled, VIEW, whenOpened } from '../widgets/modelReady';
import { OutputLag } from '../widgets/outputLag';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';
import { keepState } from '../widgets/savedState';

type Renderer = ReturnType<NotebookPanel['content']['rendermime']['createRenderer']>;

const MANAGER = '@jupyter-widgets/jupyterlab-manager:plugin';

/** Makes the renderer of a widget wait for its model. */
function hold(
  renderer: Renderer,
  panel: NotebookPanel,
  lag: OutputLag,
  trans: TranslationBundle
): void {
  const render = renderer.renderModel.bind(renderer);
  renderer.renderModel = async model => {
    const kernel = panel.sessionContext.session?.kernel ?? null;
    const { model_id: id } = (model.data[VIEW] ?? {}) as { model_id?: string };
    if (kernel !== null && id !== undefined && id !== '') {
      renderer.node.textContent = trans.__('Loading widget…');
      if ((await modelReady(kernel, id, lag)) === 'settled') {
        const stop = whenOpened(kernel, id, () => {
          if (!renderer.isDisposed) {
            renderer.removeClass('jupyter-widgets');
            void render(model);
          }
        });
        renderer.disposed.connect(stop);
      }
      await filled(lag);
    }
    if (!renderer.isDisposed) {
      await render(model);
    }
  };
}

function take(panel: NotebookPanel, room: OpenRoom, trans: TranslationBundle): void {
  const lag = new OutputLag(panel.sessionContext, room.model.documents);
  panel.disposed.connect(() => {
    lag.dispose();
  });
  // The widget manager adds its factory with the kernel, and again with another kernel.
  const { rendermime } = panel.content;
  const create = rendermime.createRenderer.bind(rendermime);
  rendermime.createRenderer = mime => {
    const renderer = create(mime);
    if (mime === VIEW) {
      hold(renderer, panel, lag, trans);
    }
    return renderer;
  };
}

/** Whether JupyterLab's setting saves the state of widgets; false without widgets. */
async function wish(settings: ISettingRegistry | null): Promise<() => boolean> {
  const found = await settings?.load(MANAGER).catch(() => null);
  return () => found?.get('saveState').composite === true;
}

export const widgets: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:widgets',
  description: 'Shows widgets when they are known, and saves their state.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app,
    rooms: IRooms,
    tracker: INotebookTracker,
    settings: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const wished = app.restored.then(async () => wish(settings));
    const add = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room !== null) {
        take(panel, room, trans);
        void wished.then(saves => {
          keepState(panel, room, saves);
        });
      }
    };
    tracker.forEach(add);
    tracker.widgetAdded.connect((_sender, panel) => {
      add(panel);
    });
  }
};
