/**
 * Shows the present users as initials beside a notebook's toolbar; a click goes to a user's place.
 */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { PresenceState, User } from '../protocol/frames';
import type { Guest } from './guests';
import { guestsOf } from './guests';

export class People extends Widget {
  private shown = '';
  private showsAll = false;

  constructor(
    private readonly peers: () => Iterable<PresenceState>,
    private readonly self: () => User | null,
    private readonly goTo: (cell: string) => void,
    private readonly trans: TranslationBundle,
    /** The number of visible users until all are requested. */
    private readonly most = 6
  ) {
    super();
    this.addClass('jp-RuntimedPeople');
    this.node.setAttribute('role', 'group');
    this.node.setAttribute('aria-label', trans.__('Who is here'));
  }

  protected override onUpdateRequest(): void {
    const guests = guestsOf(this.peers(), this.self(), this.trans);
    const now = JSON.stringify([guests, this.showsAll]);
    if (now === this.shown) {
      return;
    }
    this.shown = now;
    const count = this.showsAll ? guests.length : this.most;
    const nodes = guests.slice(0, count).map(guest => this.person(guest));
    const others = guests.slice(this.most);
    if (others.length > 0) {
      nodes.push(this.rest(others));
    }
    this.replace(nodes);
  }

  /** Keeps the keyboard focus on the same user. */
  private replace(nodes: HTMLElement[]): void {
    const focused = document.activeElement;
    const key =
      focused instanceof HTMLElement && this.node.contains(focused)
        ? focused.getAttribute('aria-label')
        : null;
    this.node.replaceChildren(...nodes);
    nodes.find(node => key !== null && node.getAttribute('aria-label') === key)?.focus();
  }

  private person(guest: Guest): HTMLElement {
    const { title, initials, color, cell, agent, self, away } = guest;
    const node = document.createElement(self ? 'span' : 'button');
    node.className = 'jp-RuntimedPerson';
    node.classList.toggle('jp-mod-agent', agent);
    node.classList.toggle('jp-mod-self', self);
    node.classList.toggle('jp-mod-away', away);
    node.textContent = initials;
    node.title = title;
    node.style.setProperty('--jp-runtimed-color', color);
    if (self) {
      node.setAttribute('role', 'img');
      node.setAttribute('aria-label', title);
      return node;
    }
    node.setAttribute('aria-label', this.trans.__('Go to %1', title));
    // Not disabled, because the keyboard must reach the name of a user in no cell too.
    node.setAttribute('aria-disabled', String(cell === null));
    node.addEventListener('click', () => {
      if (cell !== null) {
        this.goTo(cell);
      }
    });
    return node;
  }

  private rest(others: readonly Guest[]): HTMLElement {
    const more = document.createElement('button');
    more.className = 'jp-RuntimedPeople-more';
    more.textContent = this.showsAll ? '−' : `+${others.length}`;
    more.title = others.map(({ title }) => title).join('\n');
    more.setAttribute('aria-label', this.trans.__('Show everybody'));
    more.setAttribute('aria-expanded', String(this.showsAll));
    more.addEventListener('click', () => {
      this.showsAll = !this.showsAll;
      this.update();
    });
    return more;
  }
}
