import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { conflictOf } from '../../src/rooms/conflicts';

const trans = nullTranslator.load('jupyter_runtimed');
const HERE = { version: '0.1.0', protocol: 1, conflicts: [] as string[] };
const NO_OTHERS = { provider: null, plugins: ['@jupyterlab/notebook-extension:tracker'] };
const YDOC = { ...HERE, conflicts: ['jupyter_server_ydoc'] };
const CARETS = '@jupyter/collaboration-extension:userEditorCursors';
const THEIRS = ['@jupyter/docprovider-extension:drive', CARETS];

describe('the message about a conflict', () => {
  it('is absent if the server part is enabled without conflicts', () => {
    expect(conflictOf(HERE, NO_OTHERS, trans)).toBeNull();
  });

  it.each([
    ['a server part that is missing', null, NO_OTHERS, 'not enabled'],
    [
      'another extension on the server',
      { ...HERE, conflicts: ['some_model'] },
      NO_OTHERS,
      'some_model'
    ],
    [
      'both parts of another extension',
      YDOC,
      { provider: 'rtc', plugins: THEIRS },
      'beside jupyter-collaboration:'
    ],
    [
      'another content provider in the browser',
      HERE,
      { ...NO_OTHERS, provider: 'rtc' },
      'part of rtc is'
    ],
    [
      'a browser part that is still enabled',
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
    ['another protocol', { ...HERE, protocol: 2 }, NO_OTHERS, 'another version']
  ])('names %s', (_, status, others, words) => {
    const text = conflictOf(status, others, trans) ?? '';
    expect(text).toContain(words);
    expect(text.length).toBeLessThan(140);
  });
});
