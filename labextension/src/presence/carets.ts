/** Other users' carets and selections in an editor. It shows places, and knows no wire. */
import type { Extension, Range, Text } from '@codemirror/state';
import { StateEffect, StateField } from '@codemirror/state';
import type { DecorationSet } from '@codemirror/view';
import { Decoration, EditorView, WidgetType } from '@codemirror/view';

import type { Place } from './places';

export const setPlaces = StateEffect.define<readonly Place[]>();

class Caret extends WidgetType {
  constructor(private readonly place: Place) {
    super();
  }

  override eq({ place: other }: Caret): boolean {
    const { name, color, agent, away } = this.place;
    return (
      other.name === name && other.color === color && other.agent === agent && other.away === away
    );
  }

  toDOM(): HTMLElement {
    const { name, color, agent, away } = this.place;
    const caret = document.createElement('span');
    caret.className = 'jp-RuntimedCaret';
    caret.classList.toggle('jp-mod-agent', agent);
    caret.classList.toggle('jp-mod-away', away);
    caret.style.setProperty('--jp-runtimed-color', color);
    caret.setAttribute('aria-hidden', 'true');
    // The name stands at the cell. Here the name appears when the pointer is on the caret, over no
    // text.
    caret.title = name;
    return caret;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

function decorations(places: readonly Place[], text: Text): DecorationSet {
  const { length } = text;
  const ranges: Range<Decoration>[] = [];
  for (const place of places) {
    const [anchor, head] = [Math.min(place.anchor, length), Math.min(place.head, length)];
    if (anchor !== head) {
      const attributes = { style: `--jp-runtimed-color: ${place.color}` };
      const mark = Decoration.mark({ class: 'jp-RuntimedSelection', attributes });
      ranges.push(mark.range(Math.min(anchor, head), Math.max(anchor, head)));
    }
    const widget = new Caret(place);
    ranges.push(Decoration.widget({ widget, side: 1 }).range(head));
  }
  return Decoration.set(ranges, true);
}

/** Carets move with the text around them until the next presence frame. */
const shown = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (before, tr) => {
    let after = before.map(tr.changes);
    for (const effect of tr.effects) {
      if (effect.is(setPlaces)) {
        after = decorations(effect.value, tr.newDoc);
      }
    }
    return after;
  },
  provide: field => EditorView.decorations.from(field)
});

export function carets(): Extension {
  return shown;
}
