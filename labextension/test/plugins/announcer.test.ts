import { describe as suite, expect, it } from 'vitest';

import { StatusAnnouncer } from '../../src/rooms/statusAnnouncer';
import type { Level } from '../../src/rooms/statusText';

const SAVED: [string, Level] = ['Saved', 'good'];
const SAVING: [string, Level] = ['Saving…', 'busy'];

function said(...states: [string, Level][]): string[] {
  const announcer = new StatusAnnouncer();
  return states.flatMap(([text, level]) => announcer.next({ text, level, title: '' }) ?? []);
}

suite('the announcer for screen readers', () => {
  it('announces no typing and no saving', () => {
    expect(said(SAVED, SAVING, SAVED, SAVING, SAVED)).toEqual([]);
  });

  it('announces a problem and the recovery', () => {
    expect(said(SAVED, ['Offline', 'warn'], SAVING, SAVED)).toEqual(['Offline', 'Saved']);
  });

  it('announces a problem once, even if its numbers change', () => {
    const waiting = [1, 2, 3].map((n): [string, Level] => [`${n} changes not sent`, 'warn']);
    expect(said(...waiting, ['File deleted', 'error'], ['File deleted', 'error'])).toEqual([
      '1 changes not sent',
      'File deleted'
    ]);
  });
});
