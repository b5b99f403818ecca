/**
 * Binds editors to their shared models, in place of JupyterLab's own plugin.
 *
 * This plugin imports nothing that needs WebAssembly, because editors must be bound even if
 * WebAssembly does not load. A cell of a room gets the binding of this extension, any other model
 * the stock binding.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { CodeEditor } from '@jupyterlab/codeeditor';
import type { IConfigurableExtension } from '@jupyterlab/codemirror';
import {
  EditorExtensionRegistry,
  IEditorExtensionRegistry,
  ybinding
} from '@jupyterlab/codemirror';

import { roomBinding } from '../editor/binding';
import { isRoomCell } from '../editor/source';

type YText = Parameters<typeof ybinding>[0];

/** The part of a shared Yjs model that the stock binding uses. */
interface YSource {
  ysource?: YText['ytext'];
  undoManager?: YText['undoManager'] | null;
}

export function bindingFor(model: CodeEditor.IModel): IConfigurableExtension<undefined> | null {
  const shared: unknown = model.sharedModel;
  if (isRoomCell(shared)) {
    return EditorExtensionRegistry.createImmutableExtension(roomBinding(shared));
  }
  const { ysource, undoManager } = shared as YSource;
  if (ysource === undefined) {
    return null;
  }
  return EditorExtensionRegistry.createImmutableExtension(
    ybinding({ ytext: ysource, undoManager: undoManager ?? undefined })
  );
}

export const editorBinding: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:editor-binding',
  description: 'Binds editors to cells of rooms, and to any other shared model.',
  autoStart: true,
  requires: [IEditorExtensionRegistry],
  activate: (_, extensions: IEditorExtensionRegistry) => {
    extensions.addExtension({
      name: 'shared-model-binding',
      factory: ({ model }) => bindingFor(model)
    });
  }
};
