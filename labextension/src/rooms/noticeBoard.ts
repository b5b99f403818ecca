/**
 * The notices about one notebook: one of each kind at a time, and none after it is closed.
 *
 * The board knows no texts. A repeated notice with the same text appears again only if it was
 * withdrawn in between, so a notice that the user closed stays closed until its reason changes.
 */
import type { Notification } from '@jupyterlab/apputils';

export type Kind =
  | 'file'
  | 'storage'
  | 'damaged'
  | 'broken'
  | 'conflict'
  | 'dropped'
  | 'cell-lost'
  | 'outside'
  | 'refused'
  | 'kernel'
  | 'run'
  | 'answer'
  | 'save-later'
  | 'reverted';

export type Level = 'info' | 'warning' | 'error' | 'success';

export interface Notice {
  text: string;
  level: Level;
  /** Milliseconds until the notice hides; false: it stays until the user closes it. */
  autoClose: number | false;
  actions?: Notification.IAction[];
}

/** The part of JupyterLab's notifications that is used here. */
export interface Poster {
  has(id: string): boolean;
  notify(text: string, level: Level, options: Notification.IOptions<null>): string;
  update(args: Notification.IUpdate<null>): boolean;
  dismiss(id: string): void;
}

interface Posted {
  id: string;
  text: string;
}

export class NoticeBoard {
  private readonly posted = new Map<Kind, Posted>();
  private closed = false;

  constructor(private readonly poster: Poster) {}

  /** Shows an event, in place of the last notice of this kind. */
  tell(kind: Kind, { text, level, autoClose, actions = [] }: Notice): void {
    if (this.closed) {
      return;
    }
    const id = this.posted.get(kind)?.id;
    const options = { autoClose, actions };
    if (id !== undefined && this.poster.has(id)) {
      this.poster.update({ id, message: text, type: level, ...options });
      this.posted.set(kind, { id, text });
    } else {
      this.posted.set(kind, { id: this.poster.notify(text, level, options), text });
    }
  }

  /** Shows a state when it begins and when its text changes; null ends the state. */
  keep(kind: Kind, notice: Notice | null): void {
    if (notice === null) {
      this.withdraw(kind);
    } else if (this.posted.get(kind)?.text !== notice.text) {
      this.tell(kind, notice);
    }
  }

  /** Whether the user has a notice of this kind that is not closed. */
  shows(kind: Kind): boolean {
    const id = this.posted.get(kind)?.id;
    return id !== undefined && this.poster.has(id);
  }

  withdraw(kind: Kind): void {
    const posted = this.posted.get(kind);
    this.posted.delete(kind);
    if (posted !== undefined) {
      this.poster.dismiss(posted.id);
    }
  }

  /** Withdraws all notices of the closed notebook. */
  close(): void {
    [...this.posted.keys()].forEach(kind => {
      this.withdraw(kind);
    });
    this.closed = true;
  }
}
