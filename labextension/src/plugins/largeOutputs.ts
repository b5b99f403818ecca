/**
 * Very large outputs: shows the end of each, with the size of the rest and a button for it above;
 * removes many outputs at once.
 */
import { CodeCell, isCodeCellModel } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { OpenRoom } from '../tokens';
import { forEachRoomPanel } from './forEachRoom';

const MIB = 1024 * 1024;

class Rest extends Widget {
  constructor(more: () => void, trans: TranslationBundle) {
    super();
    this.addClass('jp-RuntimedLargeOutput');
    this.text = document.createElement('span');
    const button = document.createElement('button');
    button.className = 'jp-mod-styled jp-mod-minimal';
    button.textContent = trans.__('Show more');
    button.addEventListener('click', more);
    this.node.append(this.text, button);
  }

  private readonly text: HTMLElement;

  say(text: string): void {
    this.text.textContent = text;
  }
}

class Rests {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly room: OpenRoom,
    private readonly trans: TranslationBundle
  ) {}

  lookAtAll(): void {
    for (const { model } of this.panel.content.widgets) {
      this.look(model.id);
    }
  }

  look(cell: string): void {
    const { runs } = this.room.model.core;
    const bytes = runs.held(cell);
    let rest = this.shown.get(cell);
    if (rest !== undefined && (bytes === 0 || !rest.isAttached)) {
      rest.dispose();
      this.shown.delete(cell);
      rest = undefined;
    }
    if (bytes > 0) {
      rest ??= this.add(cell);
      const size = (bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0);
      rest?.say(this.trans.__('%1 MiB more of this output is on the server.', size));
    }
  }

  dispose(): void {
    this.shown.forEach(rest => {
      rest.dispose();
    });
    this.shown.clear();
  }

  private add(cell: string): Rest | undefined {
    const host = this.panel.content.widgets.find(({ model }) => model.id === cell);
    const wrapper = host instanceof CodeCell ? host.outputArea.node.parentElement : null;
    if (host === undefined || wrapper?.parentElement == null || !host.isAttached) {
      return undefined;
    }
    const rest = new Rest(() => {
      this.room.model.core.runs.showMore(cell);
    }, this.trans);
    Widget.attach(rest, wrapper.parentElement, wrapper);
    this.shown.set(cell, rest);
    host.disposed.connect(() => {
      rest.dispose();
    });
    return rest;
  }

  private readonly shown = new Map<string, Rest>();
}

/** Empties the outputs of a cell; returns whether this notebook has the cell. */
export function emptied(panel: Pick<NotebookPanel, 'model'>, cell: string): boolean {
  for (const model of panel.model?.cells ?? []) {
    if (model.id === cell && isCodeCellModel(model)) {
      model.outputs.clear();
      return true;
    }
  }
  return false;
}

function follow(panel: NotebookPanel, room: OpenRoom, trans: TranslationBundle): void {
  const rests = new Rests(panel, room, trans);
  const { told } = room.model.core.runs;
  const look = (_sender: unknown, cell: string): void => {
    rests.look(cell);
  };
  told.connect(look);
  // Cells come, are shown for the first time, and are made again.
  const lookAtAll = (): void => {
    rests.lookAtAll();
  };
  panel.content.cellInViewportChanged.connect(lookAtAll);
  void panel.revealed.then(lookAtAll);
  const empty = (_sender: unknown, asked: { cell: string; done: boolean }): void => {
    asked.done ||= emptied(panel, asked.cell);
  };
  room.model.emptying.connect(empty);
  panel.disposed.connect(() => {
    room.model.emptying.disconnect(empty);
    told.disconnect(look);
    rests.dispose();
  });
}

export const largeOutputs = forEachRoomPanel(
  'jupyter-runtimed:large-outputs',
  'Shows more of very large outputs when asked, and takes many away at once.',
  follow
);
