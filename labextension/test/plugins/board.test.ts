import { describe as suite, expect, it } from 'vitest';

import type { Notice, Poster } from '../../src/rooms/noticeBoard';
import { NoticeBoard } from '../../src/rooms/noticeBoard';

/** JupyterLab's notifications: the shown ones, and the number of all posts. */
class Screen implements Poster {
  readonly shown = new Map<string, string>();
  posts = 0;

  has(id: string): boolean {
    return this.shown.has(id);
  }

  notify(text: string): string {
    this.posts += 1;
    const id = `n${this.posts}`;
    this.shown.set(id, text);
    return id;
  }

  update({ id, message }: { id: string; message?: string }): boolean {
    this.shown.set(id, message ?? '');
    return true;
  }

  dismiss(id: string): void {
    this.shown.delete(id);
  }

  get texts(): string[] {
    return [...this.shown.values()];
  }
}

function notice(text: string): Notice {
  return { text, level: 'warning', autoClose: false };
}

suite('the notices about one notebook', () => {
  it('show a lasting state once for any number of reports', () => {
    const screen = new Screen();
    const board = new NoticeBoard(screen);
    for (let i = 0; i < 226; i++) {
      board.keep('file', notice('it is read-only'));
    }
    expect(screen.posts).toBe(1);
    board.keep('file', notice('the disk is full'));
    expect(screen.texts).toEqual(['the disk is full']);
    expect(screen.posts).toBe(1);
  });

  it('show a state that the user closed only with another text or after its end', () => {
    const screen = new Screen();
    const board = new NoticeBoard(screen);
    board.keep('file', notice('it is read-only'));
    screen.dismiss('n1');
    board.keep('file', notice('it is read-only'));
    expect(screen.texts).toEqual([]);
    board.keep('file', notice('the disk is full'));
    expect(screen.texts).toEqual(['the disk is full']);
    board.keep('file', null);
    expect(screen.texts).toEqual([]);
    board.keep('file', notice('the disk is full'));
    expect(screen.texts).toEqual(['the disk is full']);
  });

  it('replace an event of the same kind and keep events of other kinds', () => {
    const screen = new Screen();
    const board = new NoticeBoard(screen);
    for (let i = 0; i < 40; i++) {
      board.tell('conflict', notice(`refused ${i}`));
    }
    board.tell('cell-lost', notice('a cell was deleted'));
    expect(screen.texts).toEqual(['refused 39', 'a cell was deleted']);
  });

  it('disappear when the notebook is closed, and later ones are not shown', () => {
    const screen = new Screen();
    const board = new NoticeBoard(screen);
    board.keep('file', notice('it is read-only'));
    board.tell('conflict', notice('refused'));
    board.close();
    board.tell('conflict', notice('refused again'));
    board.keep('storage', notice('the disk is full'));
    expect(screen.texts).toEqual([]);
  });
});
