/** Who else is here, as initials in a notebook's toolbar; a click goes to where somebody is. */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { PresenceState } from '../protocol/frames';
import type { Guest } from './guests';
import { guestsOf, initialsOf } from './guests';

const MOST_SHOWN = 5;
const MOST_NAMED = 30;

export class People extends Widget {
  private shown = '';

  constructor(
    private readonly peers: () => Iterable<PresenceState>,
    private readonly goTo: (cell: string) => void,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-RuntimedPeople');
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', trans.__('Who else is here'));
  }

  protected override onUpdateRequest(): void {
    const guests = guestsOf(this.peers(), this.trans);
    const now = JSON.stringify(guests);
    if (now === this.shown) {
      return;
    }
    this.shown = now;
    const shown = guests.slice(0, MOST_SHOWN).map(guest => this.button(guest));
    const others = guests.slice(MOST_SHOWN);
    this.node.replaceChildren(...shown, ...(others.length > 0 ? [this.rest(others)] : []));
  }

  private button({ name, title, color, cell }: Guest): HTMLElement {
    const button = document.createElement('button');
    button.className = 'jp-RuntimedPerson';
    button.textContent = initialsOf(name);
    button.title = title;
    button.setAttribute('aria-label', this.trans.__('Go to %1', title));
    button.style.setProperty('--jp-runtimed-color', color);
    button.disabled = cell === null;
    button.addEventListener('click', () => {
      if (cell !== null) {
        this.goTo(cell);
      }
    });
    return button;
  }

  private rest(guests: readonly Guest[]): HTMLElement {
    const more = document.createElement('span');
    more.className = 'jp-RuntimedPeople-more';
    more.textContent = `+${guests.length}`;
    const names = guests.slice(0, MOST_NAMED).map(({ title }) => title);
    more.title = [...names, ...(guests.length > MOST_NAMED ? ['…'] : [])].join('\n');
    return more;
  }
}
