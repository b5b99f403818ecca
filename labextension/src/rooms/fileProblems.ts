/** Faults of a notebook's file or its storage, as texts for users. Pure. */
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Status } from '../peer/effects';

export interface Problem {
  text: string;
  /** The remedy that a save offers; empty if there is none. */
  remedy: string;
  /** Whether the user must act. */
  lasting: boolean;
}

/** Returns the reason why the file differs from the notebook; null if it agrees, or will soon. */
export function fileProblem(
  status: Status,
  path: string,
  trans: TranslationBundle
): Problem | null {
  const problem = problemOf(status, PathExt.basename(path), trans);
  if (status.role !== 'viewer' || problem === null) {
    return problem;
  }
  // Readers have nothing to save.
  return status.fileGone === null ? null : { ...problem, remedy: '' };
}

function problemOf(
  { fileError, fileGone, fileReadOnly, saveError }: Status,
  name: string,
  trans: TranslationBundle
): Problem | null {
  if (fileError !== null) {
    const text = trans.__('The file of %1 cannot be reached: %2', name, fileError);
    return { text, remedy: '', lasting: true };
  }
  if (fileGone !== null) {
    return gone(fileGone.why, name, saveError ?? fileGone.message, trans);
  }
  if (fileReadOnly !== null) {
    const text = trans.__(
      '%1 is read-only. The server keeps your changes, but does not write them into the file.',
      name
    );
    return { text, remedy: '', lasting: false };
  }
  if (saveError !== null) {
    const text = trans.__('%1 could not be saved: %2', name, saveError);
    return { text, remedy: trans.__('Try again'), lasting: false };
  }
  return null;
}

function gone(why: string, name: string, message: string, trans: TranslationBundle): Problem {
  switch (why) {
    case 'not-a-notebook':
      return { text: message, remedy: '', lasting: true };
    default:
      return {
        text: trans.__(
          '%1 was deleted or moved away by another program. The notebook is kept here and on the server.',
          name
        ),
        remedy: trans.__('Restore file'),
        lasting: true
      };
  }
}

export function storageProblem(
  { storageError }: Status,
  path: string,
  trans: TranslationBundle
): Problem | null {
  if (storageError === null) {
    return null;
  }
  const name = PathExt.basename(path);
  const text = trans.__('The server cannot store changes of %1: %2', name, storageError);
  return { text, remedy: '', lasting: true };
}
