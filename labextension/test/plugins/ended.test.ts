import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { endedText } from '../../src/rooms/statusText';

const trans = nullTranslator.load('');

describe('the message about a connection that the server ended', () => {
  it('says that the login is lost and that no change is lost', () => {
    const ended = { paths: ['a.ipynb', 'b.ipynb'], unsent: 0, kept: true };
    expect(endedText('unauthenticated', ended, trans)).toBe(
      'You are not logged in any more. Disconnected: a.ipynb, b.ipynb. ' +
        'Everything that you typed is on the server.'
    );
  });

  it('says that the browser keeps unsent changes', () => {
    const text = endedText('forbidden', { paths: ['a.ipynb'], unsent: 3, kept: true }, trans);
    expect(text).toContain('You may not read a.ipynb any more');
    expect(text).toContain('3 changes are not on the server; this browser keeps them');
  });

  it('says to keep the page open if the browser keeps no changes', () => {
    const text = endedText('forbidden', { paths: ['a.ipynb'], unsent: 1, kept: false }, trans);
    expect(text).toContain('do not close it');
  });
});
