/**
 * Reports that the server ended the connection of a notebook for good, because the login or the
 * permission is gone. One notice for each reason covers all notebooks.
 */
import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { endedText } from '../rooms/statusText';
import type { Ending } from '../rooms/statusText';
import { DOMAIN, IRooms } from '../tokens';
import type { OpenRoom } from '../tokens';

class Notice {
  private readonly rooms = new Set<OpenRoom>();
  private id: string | null = null;
  private text = '';

  constructor(
    private readonly ending: Ending,
    private readonly trans: TranslationBundle
  ) {}

  look(room: OpenRoom): void {
    if (room.connection.status.fault !== this.ending) {
      this.forget(room);
      return;
    }
    const isNew = !this.rooms.has(room);
    this.rooms.add(room);
    this.show(isNew);
  }

  forget(room: OpenRoom): void {
    if (this.rooms.delete(room)) {
      this.show(false);
    }
  }

  /** A dismissed notice returns with the next notebook, not with the next change. */
  private show(isNew: boolean): void {
    const rooms = [...this.rooms];
    if (rooms.length === 0) {
      this.dismiss();
      return;
    }
    const paths = rooms.map(({ connection }) => connection.path);
    const unsent = rooms.reduce((sum, { connection }) => sum + connection.status.unacked, 0);
    const kept = rooms.every(({ connection }) => connection.line.keeps);
    const text = endedText(this.ending, { paths, unsent, kept }, this.trans);
    if (text === this.text) {
      return;
    }
    this.text = text;
    const isShown = this.id !== null && Notification.update({ id: this.id, message: text });
    if (!isShown && isNew) {
      this.id = Notification.error(text, { autoClose: false, actions: this.actions() });
    }
  }

  private dismiss(): void {
    if (this.id !== null) {
      Notification.dismiss(this.id);
    }
    this.id = null;
    this.text = '';
  }

  private actions(): Notification.IAction[] {
    const { trans } = this;
    const retry: Notification.IAction = {
      label: trans.__('Try again'),
      caption: trans.__('Connect again, after you have logged in or were given access'),
      callback: () => {
        const rooms = [...this.rooms];
        this.rooms.clear();
        this.dismiss();
        rooms.forEach(({ connection }) => {
          connection.reopen();
        });
      }
    };
    const login: Notification.IAction = {
      label: trans.__('Log in'),
      caption: trans.__('Open the login page in another tab'),
      displayType: 'accent',
      callback: event => {
        event.preventDefault();
        // Any page of this server asks for the login, wherever the login is.
        globalThis.open(globalThis.location.href, '_blank');
      }
    };
    return this.ending === 'unauthenticated' ? [login, retry] : [retry];
  }
}

export const accessEnded: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-runtimed:access-ended',
  description: 'Tells that a login or a permission is gone, and with it the connection.',
  autoStart: true,
  requires: [IRooms],
  optional: [ITranslator],
  activate: (_, rooms: IRooms, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const notices = (['unauthenticated', 'forbidden'] as const).map(
      ending => new Notice(ending, trans)
    );
    rooms.opened.connect((_sender, room) => {
      room.connection.statusChanged.connect(() => {
        notices.forEach(notice => {
          notice.look(room);
        });
      });
      room.model.disposed.connect(() => {
        notices.forEach(notice => {
          notice.forget(room);
        });
      });
    });
  }
};
