/**
 * Questions of running cells (`input()`), shown in every browser; the first answer counts.
 *
 * The question is in the runtime document. It disappears when the server removes it, for an answer
 * from any browser.
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

/** The answers in all notebooks, unless the settings separate them. */
const EVERYWHERE = new AnswerHistory();

/** JupyterLab's class of a box with a given answer; the next question's box stands beside it. */
const ANSWERED = 'jp-OutputArea-stdin-hiding';

/**
 * A plain element, because cells are attached and detached while scrolling, and a widget would have
 * to leave before its place.
 */
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

  /** Restores the box after a failed answer, for another answer. */
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

  /** The reason why this user may not answer; null if the user may. */
  set closed(why: string | null) {
    this.input.disabled = why !== null;
    this.input.placeholder = why ?? this.hint;
    this.input.title = why ?? '';
  }

  private readonly input: HTMLInputElement;
}

/** Below the cell's output. */
function placeIn(host: Cell | undefined): HTMLElement | null {
  const outputs = host instanceof CodeCell ? host.outputArea.node.parentElement : null;
  return outputs?.parentElement ?? host?.node ?? null;
}

/**
 * Shows the last outputs, because JupyterLab shows only the first of many outputs, and the question
 * is about the last.
 */
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
      // The answer becomes an output too.
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

  /** Shows questions at the present places of cells that were added, moved or made again. */
  follow(): void {
    for (const [cell, question] of this.asked) {
      this.show(cell, question);
    }
  }

  /** Applies a change of this user's permissions. */
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
    // A question of another user's run must not take the focus from a user who is typing.
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
