/** Earlier answers, which the arrow keys find again, for as long as the page is open. */

const MOST_ANSWERS = 1000;

export class AnswerHistory {
  private readonly lines: string[] = [];

  add(line: string): void {
    this.lines.push(line);
    if (this.lines.length > MOST_ANSWERS) {
      this.lines.shift();
    }
  }

  look(): AnswerHistoryCursor {
    return new AnswerHistoryCursor([...this.lines]);
  }
}

/**
 * One question's walk through the answers. `now` is the text of its box; null leaves the box
 * unchanged.
 */
export class AnswerHistoryCursor {
  private at: number;
  private draft = '';
  private sought: { text: string; shown: string } | null = null;

  constructor(private readonly lines: readonly string[]) {
    this.at = lines.length;
  }

  step(back: boolean, now: string): string | null {
    return this.show(back ? this.at - 1 : this.at + 1, now);
  }

  /** Returns the next answer that contains the text of the box at the start of the search. */
  search(back: boolean, now: string): string | null {
    const text = this.sought?.shown === now ? this.sought.text : now;
    const before = this.lines.slice(0, this.at);
    const found = back
      ? before.findLastIndex(line => line.includes(text))
      : this.lines.findIndex((line, at) => at > this.at && line.includes(text));
    const shown = found < 0 ? null : this.show(found, now);
    this.sought = shown === null ? this.sought : { text, shown };
    return shown;
  }

  private show(at: number, now: string): string | null {
    if (at < 0 || at > this.lines.length) {
      return null;
    }
    if (this.at === this.lines.length) {
      this.draft = now;
    }
    this.at = at;
    return this.lines[at] ?? this.draft;
  }
}
