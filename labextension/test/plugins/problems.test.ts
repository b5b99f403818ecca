import { nullTranslator } from '@jupyterlab/translation';
import { describe as suite, expect, it } from 'vitest';

import { fileProblem, storageProblem } from '../../src/rooms/fileProblems';
import type { Status } from '../../src/peer/effects';

const FINE: Status = {
  phase: 'live',
  unacked: 0,
  role: 'runner',
  saved: true,
  saveError: null,
  fileError: null,
  fileGone: null,
  fileReadOnly: null,
  storageError: null,
  restarted: false,
  fault: null
};
const trans = nullTranslator.load('jupyter_runtimed');

function problem(change: Partial<Status>): ReturnType<typeof fileProblem> {
  return fileProblem({ ...FINE, ...change }, 'folder/a.ipynb', trans);
}

suite('what is said of a file', () => {
  it('that is fine: nothing', () => {
    expect(problem({})).toBeNull();
    expect(storageProblem(FINE, 'a.ipynb', trans)).toBeNull();
  });

  it('a deleted one can be restored', () => {
    const found = problem({ fileGone: { why: 'deleted', message: 'it is gone' } });
    expect(found?.text).toContain('a.ipynb was deleted');
    expect(found).toMatchObject({ remedy: 'Restore file', lasting: true });
  });

  it('one that is no notebook is not written over', () => {
    const found = problem({ fileGone: { why: 'not-a-notebook', message: 'it holds marks' } });
    expect(found).toMatchObject({ text: 'it holds marks', remedy: '' });
  });

  it('one that cannot be reached says why', () => {
    expect(problem({ fileError: 'stale handle' })?.text).toContain('stale handle');
  });

  it('a read-only one is said in the same words before and after a save fails', () => {
    const before = problem({ fileReadOnly: 'by its mode' });
    const after = problem({ fileReadOnly: 'by its mode', saveError: 'denied', saved: false });
    expect(before?.text).toContain('a.ipynb is read-only');
    expect(after?.text).toBe(before?.text);
  });

  it('readers, who change nothing, hear nothing of a read-only file and can restore none', () => {
    expect(problem({ role: 'viewer', fileReadOnly: 'by its mode' })).toBeNull();
    const gone = { why: 'deleted', message: 'it is gone' };
    expect(problem({ role: 'viewer', fileGone: gone })?.remedy).toBe('');
  });
});
