import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { conflictOf } from '../../src/rooms/conflicts';

const trans = nullTranslator.load('jupyter_runtimed');
const HERE = { version: '0.1.0', protocol: 1, conflicts: [] as string[] };
const NOBODY = { provider: null, plugins: ['@jupyterlab/notebook-extension:tracker'] };
const YDOC = { ...HERE, conflicts: ['jupyter_server_ydoc'] };
const CARETS = '@jupyter/collaboration-extension:userEditorCursors';
const THEIRS = ['@jupyter/docprovider-extension:drive', CARETS];

describe('what stands in the way of rooms', () => {
  it('is nothing where the server part is there, alone', () => {
    expect(conflictOf(HERE, NOBODY, trans)).toBeNull();
  });

  it.each([
    ['a server part that is missing', null, NOBODY, 'not enabled'],
    [
      'another extension on the server',
      { ...HERE, conflicts: ['some_model'] },
      NOBODY,
      'some_model'
    ],
    [
      'both parts of another',
      YDOC,
      { provider: 'rtc', plugins: THEIRS },
      'beside jupyter-collaboration:'
    ],
    [
      'another content provider in the browser',
      HERE,
      { ...NOBODY, provider: 'rtc' },
      'part of rtc is'
    ],
    [
      'a browser part that was left on',
      HERE,
      { provider: 'rtc', plugins: THEIRS },
      'of jupyter-collaboration is'
    ],
    [
      'plugins that start no editor without Yjs',
      HERE,
      { provider: null, plugins: [CARETS] },
      'Disable both.'
    ],
    ['another protocol', { ...HERE, protocol: 2 }, NOBODY, 'another version']
  ])('is %s, and that is said', (_, status, others, words) => {
    const text = conflictOf(status, others, trans) ?? '';
    expect(text).toContain(words);
    expect(text.length).toBeLessThan(140);
  });
});
