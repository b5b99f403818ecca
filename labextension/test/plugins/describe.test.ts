import { nullTranslator } from '@jupyterlab/translation';
import { describe as suite, expect, it } from 'vitest';

import { describe } from '../../src/plugins/describe';
import type { Status } from '../../src/protocol/effects';

const LIVE: Status = {
  phase: 'live',
  unacked: 0,
  role: 'runner',
  saved: true,
  saveError: null,
  storageError: null,
  restarted: false,
  fault: null
};
const trans = nullTranslator.load('jupyter_runtimed');

suite('what the status bar says', () => {
  it.each<[string, Partial<Status>, boolean, boolean]>([
    ['Saved', {}, true, false],
    ['Saving…', { saved: false }, true, false],
    ['Saving…', { saved: false, unacked: 1 }, true, false],
    ['1 change not on the server', { saved: false, unacked: 1 }, true, true],
    ['3 changes not on the server', { saved: false, unacked: 3 }, true, true],
    ['Reconnecting…', { phase: 'connecting' }, true, false],
    [
      'Reconnecting… · 2 changes not on the server',
      { phase: 'connecting', unacked: 2 },
      true,
      true
    ],
    ['Offline · 1 change not on the server', { phase: 'connecting', unacked: 1 }, false, true],
    ['Connecting…', { phase: 'greeting' }, true, false],
    ['Read-only', { role: 'viewer' }, true, false],
    ['Read-only · 1 change not on the server', { role: 'viewer', unacked: 1 }, true, false],
    ['Saved · server restarted', { restarted: true }, true, false],
    ['Not saved', { saveError: 'disk full', saved: false }, true, false],
    ['Server cannot store changes', { storageError: 'disk full' }, true, false],
    ['Disconnected', { phase: 'closed', fault: 'forbidden' }, true, false]
  ])('%s', (text, change, online, waiting) => {
    expect(describe({ ...LIVE, ...change }, { online, waiting }, trans).text).toBe(text);
  });

  it('why it failed is in the title', () => {
    const { title, level } = describe(
      { ...LIVE, saveError: 'disk full' },
      { online: true, waiting: false },
      trans
    );
    expect(title).toContain('disk full');
    expect(level).toBe('error');
  });
});
