/**
 * Questions of running cells (`input()`), shown in every browser; whoever answers first answers.
 *
 * The question is in the runtime document. It goes when the server says so, whoever answered.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import type { Cell } from '@jupyterlab/cells';
import { CodeCell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { AnswerHistory } from '../stdin/answerHistory';
import { noticeBoardOf } from '../rooms/noticeBoards';
import { isComposing } from '../stdin/inputMethodKeys';
import type { OpenPrompt } from '../stdin/openPrompts';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

/** What was answered in any notebook, unless people want it apart. */
const EVERYWHERE = new AnswerHistory();

/** JupyterLab's name for a box whose answer was given: the next question's stands beside it. */
const ANSWERED = 'jp-OutputArea-stdin-hiding';

/** Not a widget: cells come and go with what is scrolled to, and a widget must go before its place. */
class Prompt {
  readonly node = document.createElement('div');

  constructor(
    readonly question: OpenPrompt,
    answer: (text: string) => void,
    answers: AnswerHistory,
    private readonly hint: string,
    trans: TranslationBundle
  ) {
    this.node.className = 'jp-Stdin jp-OutputArea-stdin-item jp-RuntimedStdin';
    const text = document.createElement('pre');
    text.className = 'jp-Stdin-prompt';
    text.textContent = question.text;
    const input = document.createElement('input');
    input.className = 'jp-Stdin-input';
    input.type = question.password ? 'password' : 'text';
    input.setAttribute('aria-label', question.text || trans.__('Answer to the running cell'));
    input.autocomplete = 'off';
    const before = answers.look();
    input.addEventListener('keydown', event => {
      event.stopPropagation();
      if (isComposing(event)) {
        return;
      }
      if (event.key === 'Enter') {
        input.disabled = true;
        this.node.classList.add(ANSWERED);
        answer(input.value);
      } else if (event.key === 'Escape') {
        input.blur();
      } else if (!question.password && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
        const back = event.key === 'ArrowUp';
        const line = event.ctrlKey
          ? before.search(back, input.value)
          : before.step(back, input.value);
        if (line !== null) {
          input.value = line;
          input.setSelectionRange(line.length, line.length);
          event.preventDefault();
        }
      }
    });
    this.node.append(text, input);
    this.input = input;
  }

  /** The answer was not taken: another may be given. */
  again(): void {
    this.input.disabled = false;
    this.node.classList.remove(ANSWERED);
  }

  dispose(): void {
    this.node.remove();
  }

  focus(): void {
    this.input.focus();
  }

  get draft(): string {
    return this.input.value;
  }
  set draft(text: string) {
    this.input.value = text;
  }

  get hasFocus(): boolean {
    return this.input === document.activeElement;
  }

  /** Null: this person may answer; otherwise why not. */
  set closed(why: string | null) {
    this.input.disabled = why !== null;
    this.input.placeholder = why ?? this.hint;
    this.input.title = why ?? '';
  }

  private readonly input: HTMLInputElement;
}

/** Below what the cell has printed. */
function placeIn(host: Cell | undefined): HTMLElement | null {
  const outputs = host instanceof CodeCell ? host.outputArea.node.parentElement : null;
  return outputs?.parentElement ?? host?.node ?? null;
}

/** JupyterLab shows only the first of many outputs; what a question is about must be among them. */
function showOutputs(host: Cell | undefined, more: number): void {
  if (host instanceof CodeCell) {
    const { outputArea } = host;
    outputArea.maxNumberOutputs = Math.max(
      outputArea.maxNumberOutputs,
      outputArea.model.length + more
    );
  }
}

class Prompts {
  private readonly here = new AnswerHistory();
  private readonly asked = new Map<string, OpenPrompt>();
  private readonly shown = new Map<string, Prompt>();

  constructor(
    private readonly panel: NotebookPanel,
    private readonly room: OpenRoom,
    private readonly trans: TranslationBundle
  ) {}

  tell(cell: string, question: OpenPrompt | null): void {
    if (question === null) {
      this.asked.delete(cell);
    } else {
      this.asked.set(cell, question);
    }
    this.show(cell, question);
  }

  private show(cell: string, question: OpenPrompt | null): void {
    const before = this.shown.get(cell);
    const host = this.panel.content.widgets.find(widget => widget.model.id === cell);
    if (before?.question.id === question?.id && before?.node.parentElement === placeIn(host)) {
      return;
    }
    if (question !== null && host === undefined) {
      return;
    }
    if (before !== undefined && question === null) {
      // The answer is an output too.
      showOutputs(host, 1);
    }
    const [draft, focused] = [before?.draft ?? '', before?.hasFocus === true];
    before?.dispose();
    this.shown.delete(cell);
    if (question !== null && host !== undefined) {
      const prompt = this.ask(host, question);
      if (before?.question.id === question.id) {
        prompt.draft = draft;
        if (focused) {
          prompt.focus();
        }
      }
    }
  }

  /** Cells came, were moved or made anew: what they ask is shown where they are now. */
  follow(): void {
    for (const [cell, question] of this.asked) {
      this.show(cell, question);
    }
  }

  /** What this person may do has changed. */
  admit(): void {
    for (const prompt of this.shown.values()) {
      prompt.closed = this.closed;
    }
  }

  dispose(): void {
    this.shown.forEach(prompt => {
      prompt.dispose();
    });
    this.shown.clear();
  }

  private get closed(): string | null {
    return this.room.connection.status.role === 'runner'
      ? null
      : this.trans.__('Only those who may run cells can answer');
  }

  private ask(host: Cell, question: OpenPrompt): Prompt {
    const { inputHistoryScope, showInputPlaceholder } = this.panel.content.notebookConfig;
    const answers = inputHistoryScope === 'session' ? this.here : EVERYWHERE;
    const prompt = new Prompt(
      question,
      text => {
        if (!question.password) {
          answers.add(text);
        }
        this.answer(prompt, text);
      },
      answers,
      showInputPlaceholder && !question.password
        ? this.trans.__('↑↓ for earlier answers, Ctrl+↑↓ to search in them')
        : '',
      this.trans
    );
    showOutputs(host, 0);
    placeIn(host)?.append(prompt.node);
    this.shown.set(host.model.id, prompt);
    prompt.closed = this.closed;
    // Somebody else's question must not take the keys from who is typing.
    const { activeCell, mode } = this.panel.content;
    if (activeCell === host && mode === 'command' && this.panel.isVisible) {
      prompt.focus();
    }
    return prompt;
  }

  private answer(prompt: Prompt, text: string): void {
    const args = { prompt: prompt.question.id, text };
    this.room.connection.call('answer', args, { heads: [] }).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      const notTaken = this.trans.__('The answer was not taken: %1', why);
      noticeBoardOf(this.room).tell('answer', { text: notTaken, level: 'error', autoClose: 5000 });
      prompt.again();
    });
  }
}

export const stdin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:stdin',
  description: 'Shows the questions of running cells.',
  autoStart: true,
  requires: [IRooms, INotebookTracker],
  optional: [ITranslator],
  activate: async (_, rooms: IRooms, tracker: INotebookTracker, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { followPrompts } = await import('../stdin/openPrompts');
    const take = (panel: NotebookPanel): void => {
      const room = rooms.of(panel.context.model.sharedModel);
      if (room === null) {
        return;
      }
      const shown = new Prompts(panel, room, trans);
      const stop = followPrompts(room.model.documents, (cell, question) => {
        shown.tell(cell, question);
      });
      const follow = (): void => {
        shown.follow();
      };
      const admit = (): void => {
        shown.admit();
      };
      panel.content.model?.cells.changed.connect(follow);
      room.connection.statusChanged.connect(admit);
      panel.disposed.connect(() => {
        stop();
        room.connection.statusChanged.disconnect(admit);
        shown.dispose();
      });
    };
    tracker.forEach(take);
    tracker.widgetAdded.connect((_sender, panel) => {
      take(panel);
    });
  }
};
