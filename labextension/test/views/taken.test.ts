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

function taken(text: string): { kept: DeletedCellText; area: HTMLTextAreaElement } {
  const at = { message: 'Ben deleted it.', text, anchor: text.length, head: text.length };
  const kept = new DeletedCellText(at, now => restored.push(now), trans);
  Widget.attach(kept, document.body);
  kept.take();
  return { kept, area: kept.node.querySelector('textarea') as HTMLTextAreaElement };
}

beforeEach(() => {
  vi.spyOn(document, 'hasFocus').mockReturnValue(true);
  vi.stubGlobal('ResizeObserver', NoObserver);
  document.body.replaceChildren(elsewhere);
  restored.length = 0;
});

describe('the text of a cell that another user deleted', () => {
  it('goes when the person goes elsewhere and has typed nothing', () => {
    const { kept } = taken('x = 1');
    elsewhere.focus();
    expect(kept.isDisposed).toBe(true);
  });

  it('goes when the person goes elsewhere and has left nothing of it', () => {
    const { kept, area } = taken('x = 1');
    area.value = ' \n';
    elsewhere.focus();
    expect(kept.isDisposed).toBe(true);
  });

  it('stays while there is something typed in it', () => {
    const { kept, area } = taken('x = 1');
    area.value = 'x = 12';
    elsewhere.focus();
    expect(kept.isDisposed).toBe(false);
    expect(kept.text).toEqual({ base: 'x = 1', now: 'x = 12' });
  });

  it('stays while the person goes to its buttons, and restores what it has', () => {
    const { kept, area } = taken('x = 1');
    area.value = 'x = 12';
    const restore = kept.node.querySelector<HTMLButtonElement>('.jp-mod-accept');
    restore?.focus();
    expect(kept.isDisposed).toBe(false);
    restore?.click();
    expect(restored).toEqual(['x = 12']);
    expect(kept.isDisposed).toBe(true);
  });
});
