/** What a screen reader is told of a notebook's status: that it turns bad, and that it recovers. Pure. */
import type { Description } from './statusText';

export class StatusAnnouncer {
  private said = '';

  /** What to say now; null for nothing. Pauses in typing change the status, and are no news. */
  next({ text, level }: Description): string | null {
    if (level === 'busy') {
      return null;
    }
    // A number that counts up or down is the same news.
    const news = level === 'good' ? '' : text.replace(/\d+/g, '#');
    if (news === this.said) {
      return null;
    }
    this.said = news;
    return text;
  }

  /** Another notebook is looked at: its state is no change. */
  reset(): void {
    this.said = '';
  }
}
