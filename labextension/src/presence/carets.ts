/** Other people's carets and selections in an editor. It shows places; it knows no wire. */
import type { Extension, Range, Text } from '@codemirror/state';
import { StateEffect, StateField } from '@codemirror/state';
import type { DecorationSet } from '@codemirror/view';
import { Decoration, EditorView, WidgetType } from '@codemirror/view';

import type { Place } from './places';

export const setPlaces = StateEffect.define<readonly Place[]>();

class Caret extends WidgetType {
  constructor(
    private readonly name: string,
    private readonly color: string,
    /** Whether there is no line above, over which the name could stand. */
    private readonly isFirst: boolean
  ) {
    super();
  }

  override eq(other: Caret): boolean {
    const { name, color, isFirst } = this;
    return other.name === name && other.color === color && other.isFirst === isFirst;
  }

  toDOM(): HTMLElement {
    const caret = document.createElement('span');
    caret.className = 'jp-RuntimedCaret';
    caret.classList.toggle('jp-mod-first', this.isFirst);
    caret.style.setProperty('--jp-runtimed-color', this.color);
    caret.setAttribute('aria-hidden', 'true');
    const label = document.createElement('span');
    label.className = 'jp-RuntimedCaret-name';
    label.textContent = this.name;
    caret.append(label);
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
    const widget = new Caret(place.name, place.color, text.lineAt(head).number === 1);
    ranges.push(Decoration.widget({ widget, side: 1 }).range(head));
  }
  return Decoration.set(ranges, true);
}

/** Carets move along with what is typed around them until the next word of where they are. */
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
