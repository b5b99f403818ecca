/**
 * The announcements of a notebook's status for screen readers: it turns bad, or it recovers. Pure.
 */
import type { Description } from './statusText';

export class StatusAnnouncer {
  private said = '';

  /**
   * Returns the announcement; null for none. Pauses in typing change the status without an
   * announcement.
   */
  next({ text, level }: Description): string | null {
    if (level === 'busy') {
      return null;
    }
    // A changed number alone is not announced again.
    const news = level === 'good' ? '' : text.replace(/\d+/g, '#');
    if (news === this.said) {
      return null;
    }
    this.said = news;
    return text;
  }

  /** Switches to another notebook; its state is not announced as a change. */
  reset(): void {
    this.said = '';
  }
}
