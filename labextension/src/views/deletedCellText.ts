/**
 * A text box for a user whose cell another user deleted.
 *
 * Keys must not reach another cell, nor become commands. The box therefore stands above the
 * notebook, has the focus, and takes the keys, until the user restores the cell or discards the
 * text. Leaving the box without typed text discards it too.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

export interface DeletedText {
  /** One sentence about the deletion. */
  message: string;
  text: string;
  anchor: number;
  head: number;
}

export class DeletedCellText extends Widget {
  private readonly area = document.createElement('textarea');
  private readonly body = document.createElement('div');
  private readonly given: string;
  private readonly observer = new ResizeObserver(() => {
    this.claim();
  });

  constructor(
    { message, text, anchor, head }: DeletedText,
    restore: (text: string) => void,
    trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-RuntimedDeletedCellText');
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', message);
    // JupyterLab takes single letters for commands; see `CommandRegistry.processKeydownEvent`.
    this.node.dataset['lmSuppressShortcuts'] = 'true';
    // Some browsers move the focus to the surroundings of a clicked button.
    this.node.tabIndex = -1;
    this.area.value = text;
    this.given = this.area.value;
    this.area.rows = Math.min(8, Math.max(2, text.split('\n').length + 1));
    this.area.spellcheck = false;
    this.area.setAttribute('aria-label', trans.__('Text of the deleted cell'));
    this.area.setSelectionRange(
      Math.min(anchor, head),
      Math.max(anchor, head),
      head < anchor ? 'backward' : 'forward'
    );
    this.body.className = 'jp-RuntimedDeletedCellText-body';
    this.body.append(alert(message), this.area, this.buttons(restore, trans));
    this.node.append(this.body);
    this.observer.observe(this.body);
    this.node.addEventListener('focusout', this.onFocusOut);
    for (const type of ['keydown', 'keypress', 'keyup', 'input', 'paste', 'cut', 'copy']) {
      this.node.addEventListener(type, event => {
        event.stopPropagation();
      });
    }
  }

  /** Takes the focus, with the caret where it was in the cell. */
  take(): void {
    this.area.focus({ preventScroll: true });
  }

  get hasFocus(): boolean {
    return this.node.contains(document.activeElement);
  }

  /** The original and the present text. */
  get text(): { base: string; now: string } {
    return { base: this.given, now: this.area.value };
  }

  get selection(): { start: number; end: number } {
    return { start: this.area.selectionStart, end: this.area.selectionEnd };
  }

  /** Keeps the box open after a loss of focus. */
  stay(): void {
    this.node.removeEventListener('focusout', this.onFocusOut);
  }

  override dispose(): void {
    this.stay();
    this.observer.disconnect();
    super.dispose();
  }

  private readonly onFocusOut = ({ relatedTarget }: FocusEvent): void => {
    const isInside = relatedTarget instanceof Node && this.node.contains(relatedTarget);
    const { base, now } = this.text;
    // Another window may have the focus for a while.
    if (!isInside && document.hasFocus() && (now === base || now.trim() === '')) {
      this.dispose();
    }
  };

  /** Adapts the height to the text and its buttons. */
  private claim(): void {
    this.node.style.minHeight = `${this.body.offsetHeight}px`;
    this.parent?.fit();
  }

  private buttons(restore: (text: string) => void, trans: TranslationBundle): HTMLElement {
    const row = document.createElement('div');
    row.className = 'jp-RuntimedDeletedCellText-buttons';
    row.append(
      button(trans.__('Restore the cell'), 'jp-mod-accept', () => {
        restore(this.area.value);
        this.dispose();
      }),
      button(trans.__('Discard this text'), 'jp-mod-reject', () => {
        this.dispose();
      })
    );
    return row;
  }
}

function alert(message: string): HTMLElement {
  const line = document.createElement('p');
  line.setAttribute('role', 'alert');
  line.textContent = message;
  return line;
}

function button(label: string, className: string, act: () => void): HTMLElement {
  const made = document.createElement('button');
  made.className = `jp-Button ${className}`;
  made.textContent = label;
  made.addEventListener('click', act);
  return made;
}
