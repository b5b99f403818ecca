/**
 * Questions of running cells (`input()`), shown in every browser; whoever answers first answers.
 *
 * The question is in the runtime document. It goes when the server says so, whoever answered.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { Cell } from '@jupyterlab/cells';
import { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { Question } from './questions';
import { DOMAIN, IRooms } from './tokens';
import type { OpenRoom } from './tokens';

class Prompt extends Widget {
  constructor(
    readonly question: Question,
    answer: (text: string) => void,
    trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-Stdin');
    this.addClass('jp-RuntimedPrompt');
    const text = document.createElement('pre');
    text.className = 'jp-Stdin-prompt';
    text.textContent = question.text;
    const input = document.createElement('input');
    input.className = 'jp-Stdin-input';
    input.type = question.password ? 'password' : 'text';
    input.setAttribute('aria-label', question.text || trans.__('Answer to the running cell'));
    input.autocomplete = 'off';
    input.addEventListener('keydown', event => {
      event.stopPropagation();
      if (event.key === 'Enter') {
        input.disabled = true;
        answer(input.value);
      }
    });
    this.node.append(text, input);
    this.input = input;
  }

  /** The answer was not taken: another may be given. */
  again(): void {
    this.input.disabled = false;
  }

  focus(): void {
    this.input.focus();
  }

  private readonly input: HTMLInputElement;
}

class Prompts {
  private readonly shown = new Map<string, Prompt>();

  constructor(
    private readonly panel: NotebookPanel,
    private readonly room: OpenRoom,
    private readonly trans: TranslationBundle
  ) {}

  show(cell: string, question: Question | null): void {
    const before = this.shown.get(cell);
    if (before?.question.id === question?.id && before?.isAttached === true) {
      return;
    }
    before?.dispose();
    this.shown.delete(cell);
    const host = this.panel.content.widgets.find(widget => widget.model.id === cell);
    if (question !== null && host !== undefined) {
      this.ask(host, question);
    }
  }

  dispose(): void {
    this.shown.forEach(prompt => {
      prompt.dispose();
    });
    this.shown.clear();
  }

  private ask(host: Cell, question: Question): void {
    const place = host instanceof CodeCell ? host.outputArea.node.parentElement : null;
    const prompt = new Prompt(
      question,
      text => {
        this.answer(prompt, text);
      },
      this.trans
    );
    Widget.attach(prompt, place?.parentElement ?? host.node);
    this.shown.set(host.model.id, prompt);
    // Somebody else's question must not take the keys from who is typing.
    const { activeCell, mode } = this.panel.content;
    if (activeCell === host && mode === 'command' && this.panel.isVisible) {
      prompt.focus();
    }
    host.disposed.connect(() => {
      prompt.dispose();
    });
  }

  private answer(prompt: Prompt, text: string): void {
    const args = { prompt: prompt.question.id, text };
    this.room.connection.call('answer', args, { heads: [] }).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      Notification.error(this.trans.__('The answer was not taken: %1', why), { autoClose: 5000 });
      prompt.again();
    });
  }
}

export const prompts: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:prompts',
  description: 'Shows the questions of running cells.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  optional: [ITranslator],
  activate: async (_, rooms: IRooms, tracker: INotebookTracker, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { followQuestions } = await import('./questions');
    const take = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room === null) {
        return;
      }
      const shown = new Prompts(panel, room, trans);
      const stop = followQuestions(room.model.documents, (cell, question) => {
        shown.show(cell, question);
      });
      panel.disposed.connect(() => {
        stop();
        shown.dispose();
      });
    };
    tracker.forEach(take);
    tracker.widgetAdded.connect((_sender, panel) => {
      take(panel);
    });
  }
};
