import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { obstacle } from '../../src/plugins/obstacle';

const trans = nullTranslator.load('jupyter_runtimed');
const HERE = { version: '0.1.0', protocol: 1, conflicts: [] };

describe('what stands in the way of rooms', () => {
  it('is nothing where the server part is there, alone', () => {
    expect(obstacle(HERE, null, trans)).toBeNull();
  });

  it.each([
    ['a server part that is missing', null, null, 'not enabled'],
    ['another extension on the server', { ...HERE, conflicts: ['nbmodel'] }, null, 'nbmodel'],
    ['another content provider in the browser', HERE, 'rtc', 'rtc'],
    ['another protocol', { ...HERE, protocol: 2 }, null, 'another version']
  ] as const)('is %s, and that is said', (_, status, taken, words) => {
    const found = status === null ? null : { ...status, conflicts: [...status.conflicts] };
    const text = obstacle(found, taken, trans) ?? '';
    expect(text).toContain(words);
    expect(text.length).toBeLessThan(140);
  });
});
