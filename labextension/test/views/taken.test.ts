// @vitest-environment jsdom
import '../model/browser';

import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { DeletedCellText } from '../../src/views/deletedCellText';

const trans = { __: (text: string) => text } as TranslationBundle;
const elsewhere = document.createElement('button');
const restored: string[] = [];

class NoObserver {
  observe = vi.fn();
  disconnect = vi.fn();
}

function showDeletedText(text: string): { shown: DeletedCellText; area: HTMLTextAreaElement } {
  const at = { message: 'Ben deleted it.', text, anchor: text.length, head: text.length };
  const shown = new DeletedCellText(at, now => restored.push(now), trans);
  Widget.attach(shown, document.body);
  shown.take();
  return { shown, area: shown.node.querySelector('textarea') as HTMLTextAreaElement };
}

beforeEach(() => {
  vi.spyOn(document, 'hasFocus').mockReturnValue(true);
  vi.stubGlobal('ResizeObserver', NoObserver);
  document.body.replaceChildren(elsewhere);
  restored.length = 0;
});

describe('the text of a cell that another user deleted', () => {
  it('closes without the focus if the user typed nothing', () => {
    const { shown } = showDeletedText('x = 1');
    elsewhere.focus();
    expect(shown.isDisposed).toBe(true);
  });

  it('closes without the focus if the user deleted all of it', () => {
    const { shown, area } = showDeletedText('x = 1');
    area.value = ' \n';
    elsewhere.focus();
    expect(shown.isDisposed).toBe(true);
  });

  it('stays without the focus if the user changed it', () => {
    const { shown, area } = showDeletedText('x = 1');
    area.value = 'x = 12';
    elsewhere.focus();
    expect(shown.isDisposed).toBe(false);
    expect(shown.text).toEqual({ base: 'x = 1', now: 'x = 12' });
  });

  it('stays when its button gets the focus, and the button restores it', () => {
    const { shown, area } = showDeletedText('x = 1');
    area.value = 'x = 12';
    const restore = shown.node.querySelector<HTMLButtonElement>('.jp-mod-accept');
    restore?.focus();
    expect(shown.isDisposed).toBe(false);
    restore?.click();
    expect(restored).toEqual(['x = 12']);
    expect(shown.isDisposed).toBe(true);
  });
});
