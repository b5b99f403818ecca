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

suite('the notice about a file', () => {
  it('is absent without a problem', () => {
    expect(problem({})).toBeNull();
    expect(storageProblem(FINE, 'a.ipynb', trans)).toBeNull();
  });

  it('offers to restore a deleted file', () => {
    const found = problem({ fileGone: { why: 'deleted', message: 'it is gone' } });
    expect(found?.text).toContain('a.ipynb was deleted');
    expect(found).toMatchObject({ remedy: 'Restore file', lasting: true });
  });

  it('offers no remedy for a file that is not a notebook', () => {
    const found = problem({ fileGone: { why: 'not-a-notebook', message: 'it holds marks' } });
    expect(found).toMatchObject({ text: 'it holds marks', remedy: '' });
  });

  it('gives the reason if the file cannot be reached', () => {
    expect(problem({ fileError: 'stale handle' })?.text).toContain('stale handle');
  });

  it('is the same for a read-only file before and after a failed save', () => {
    const before = problem({ fileReadOnly: 'by its mode' });
    const after = problem({ fileReadOnly: 'by its mode', saveError: 'denied', saved: false });
    expect(before?.text).toContain('a.ipynb is read-only');
    expect(after?.text).toBe(before?.text);
  });

  it('is absent for a viewer of a read-only file, and lets no viewer restore a file', () => {
    expect(problem({ role: 'viewer', fileReadOnly: 'by its mode' })).toBeNull();
    const gone = { why: 'deleted', message: 'it is gone' };
    expect(problem({ role: 'viewer', fileGone: gone })?.remedy).toBe('');
  });
});
