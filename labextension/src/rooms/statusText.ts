/** Texts about a room's state: a word for the status bar, and a longer tooltip. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Line } from '../connection/roomConnection';
import type { Hindrance } from '../connection/responses';
import type { Fault, Status } from '../peer/effects';

export type Level = 'good' | 'busy' | 'warn' | 'error';

export interface Description {
  text: string;
  title: string;
  level: Level;
}

export interface Circumstances {
  /** Whether the browser believes that there is a network. */
  online: boolean;
  /** Whether local changes have waited for longer than a moment. */
  waiting: boolean;
  /** Whether a cell waits for an answer to `input()`. */
  asking?: boolean;
  line: Line;
}

export function statusText(
  status: Status,
  circumstances: Circumstances,
  trans: TranslationBundle
): Description {
  const what = ofRoom(status, circumstances, trans);
  if (circumstances.asking !== true || status.phase !== 'live' || what.level !== 'good') {
    return what;
  }
  const title = trans.__('A cell waits for input. %1', what.title);
  return { ...what, text: trans.__('%1 · waits for input', what.text), title };
}

function ofRoom(
  status: Status,
  { online, waiting, line }: Circumstances,
  trans: TranslationBundle
): Description {
  if (status.fault !== null) {
    return ended(status.fault, status, trans);
  }
  if (status.phase !== 'live') {
    return away(status, online ? line : { ...line, hindrance: 'offline' }, trans);
  }
  if (status.role === 'viewer') {
    const text = withUnsent(trans.__('Read-only'), status, trans);
    const level = status.unacked > 0 ? 'warn' : 'good';
    return { text, level, title: trans.__('You may read this notebook, but not change it.') };
  }
  return slower(here(status, waiting, line.keeps, trans), line.blocked, trans);
}

/** The same state over a slower connection. */
function slower(what: Description, blocked: string | null, trans: TranslationBundle): Description {
  if (blocked === null) {
    return what;
  }
  const why = trans.__(
    'The connection is slower than it could be: a proxy must let WebSockets through at %1.',
    blocked
  );
  const text = what.level === 'good' ? trans.__('%1 · slow connection', what.text) : what.text;
  return { ...what, text, title: `${what.title} ${why}` };
}

function here(
  status: Status,
  waiting: boolean,
  keeps: boolean,
  trans: TranslationBundle
): Description {
  if (status.storageError !== null) {
    const text = trans.__('Server cannot store changes');
    return { text, level: 'error', title: status.storageError };
  }
  if (status.unacked > 0 && waiting) {
    const title = keeps
      ? trans.__('They are kept in this browser and are being sent.')
      : trans.__('They are being sent. %1', onlyHere(trans));
    return { text: unsent(status, trans), level: 'warn', title };
  }
  const problem = file(status, trans);
  if (problem !== null) {
    return problem;
  }
  if (!status.saved) {
    const title = trans.__('The server is writing the file.');
    return { text: trans.__('Saving…'), level: 'busy', title };
  }
  if (status.restarted) {
    const title = trans.__('The server was started anew. Everything is saved.');
    return { text: trans.__('Saved · server restarted'), level: 'good', title };
  }
  const title = trans.__('Everything is on the server, and in the file.');
  return { text: trans.__('Saved'), level: 'good', title };
}

function file(
  { fileError, fileGone, fileReadOnly, saveError, saved }: Status,
  trans: TranslationBundle
): Description | null {
  if (fileError !== null) {
    const title = trans.__('The server keeps every change: %1', fileError);
    return { text: trans.__('File cannot be reached'), level: 'error', title };
  }
  if (fileGone !== null) {
    const title = trans.__('The server keeps every change. %1', saveError ?? fileGone.message);
    return { text: fileIsGone(fileGone.why, trans), level: 'error', title };
  }
  const why = fileReadOnly ?? saveError;
  if (why === null) {
    return null;
  }
  const title = trans.__('The server keeps every change, but cannot write the file: %1', why);
  const text = fileReadOnly === null ? trans.__('Not saved') : trans.__('File is read-only');
  return { text, level: saved && saveError === null ? 'warn' : 'error', title };
}

function fileIsGone(why: string, trans: TranslationBundle): string {
  return why === 'not-a-notebook' ? trans.__('File is not a notebook') : trans.__('File deleted');
}

function away(
  status: Status,
  { hindrance, keeps }: { hindrance: Hindrance | 'offline' | null; keeps: boolean },
  trans: TranslationBundle
): Description {
  const kept = keeps
    ? trans.__('Changes are kept in this browser and sent when the server is back.')
    : trans.__('Changes are sent when the server is back. %1', onlyHere(trans));
  if (hindrance === 'offline') {
    return pending(trans.__('Offline'), status, { keeps, title: kept }, trans);
  }
  if (status.phase !== 'connecting') {
    const text = withUnsent(trans.__('Connecting…'), status, trans);
    return { text, level: 'busy', title: kept };
  }
  const { text, why } = inTheWay(hindrance, trans);
  const title = why === '' ? kept : `${why} ${kept}`;
  return pending(text, status, { keeps, title }, trans);
}

/** Unsent changes without a server; an error if they would be lost with the page. */
function pending(
  text: string,
  status: Status,
  { keeps, title }: { keeps: boolean; title: string },
  trans: TranslationBundle
): Description {
  const told = withUnsent(text, status, trans);
  return keeps || status.unacked === 0
    ? { text: told, level: 'warn', title }
    : { text: trans.__('%1 · keep this page open', told), level: 'error', title };
}

/** A warning for browsers whose storage is blocked or full. */
function onlyHere(trans: TranslationBundle): string {
  return trans.__(
    'This browser cannot store them: its storage is blocked or full. Keep this page open until they are sent.'
  );
}

/** The obstacle, as a word for the status bar and as a sentence. */
export function inTheWay(
  hindrance: Hindrance | null,
  trans: TranslationBundle
): { text: string; why: string } {
  const again = trans.__('Reconnecting…');
  switch (hindrance?.kind) {
    case undefined:
      return { text: again, why: '' };
    case 'network':
      return { text: again, why: trans.__('The server does not answer.') };
    case 'stopped':
      return {
        text: trans.__('Server stopped'),
        why: trans.__('The Hub stopped this server. Start it again from the Hub.')
      };
    case 'login':
      return {
        text: trans.__('Logged out'),
        why: trans.__('The server wants a login. Log in again.')
      };
    case 'elsewhere':
      return {
        text: again,
        why: trans.__('A proxy answers in the place of the server (%1).', hindrance.status)
      };
    case 'server':
      return { text: again, why: trans.__('The server fails: %1.', hindrance.message) };
  }
}

/** Returns the notice about all rooms together; null if the status bar is enough. */
export function waitingText(
  hindrance: Hindrance | null,
  unsent: { count: number; keeps: boolean },
  trans: TranslationBundle
): string | null {
  if (hindrance === null || hindrance.kind === 'network') {
    return null;
  }
  const { why } = inTheWay(hindrance, trans);
  if (unsent.count === 0) {
    return why;
  }
  if (!unsent.keeps) {
    return `${why} ${onlyHere(trans)}`;
  }
  const kept = trans._n(
    '%1 change is kept in this browser.',
    '%1 changes are kept in this browser.',
    unsent.count
  );
  return `${why} ${kept}`;
}

function ended(fault: Fault, status: Status, trans: TranslationBundle): Description {
  const title = endedBecause(fault, trans);
  return { text: withUnsent(endedAs(fault, trans), status, trans), level: 'error', title };
}

function endedAs(fault: Fault, trans: TranslationBundle): string {
  if (fault === 'unauthenticated') {
    return trans.__('Not logged in');
  }
  return fault === 'forbidden' ? trans.__('No access') : trans.__('Disconnected');
}

function endedBecause(fault: Fault, trans: TranslationBundle): string {
  switch (fault) {
    case 'closed':
      return trans.__('The notebook was closed.');
    case 'unauthenticated':
      return trans.__('You are not logged in any more. Log in, then reload this page.');
    case 'forbidden':
      return trans.__('You may not read this notebook any more.');
    case 'deleted':
      return trans.__('The notebook’s file is gone.');
    case 'protocol':
      return trans.__('The server speaks another version. Reload this page.');
    case 'bad-frame':
      return trans.__('Server and browser do not understand each other. Reload this page.');
    case 'too-large':
      return trans.__('A change is larger than the server takes.');
  }
}

function withUnsent(text: string, status: Status, trans: TranslationBundle): string {
  return status.unacked > 0 ? `${text} · ${unsent(status, trans)}` : text;
}

function unsent(status: Status, trans: TranslationBundle): string {
  return trans._n('%1 change not on the server', '%1 changes not on the server', status.unacked);
}

export type Ending = Extract<Fault, 'unauthenticated' | 'forbidden'>;

export interface Ended {
  /** Paths of the notebooks whose connections ended. */
  paths: string[];
  /** Changes in these notebooks that the server lacks. */
  unsent: number;
  /** Whether the browser keeps changes across a reload. */
  kept: boolean;
}

/** The text, in one or two sentences; the buttons beside it name the actions. */
export function endedText(
  ending: Ending,
  { paths, unsent, kept }: Ended,
  trans: TranslationBundle
): string {
  const names = paths.join(', ');
  const what =
    ending === 'unauthenticated'
      ? trans.__('You are not logged in any more. Disconnected: %1.', names)
      : trans.__('You may not read %1 any more. The server has disconnected it.', names);
  return `${what} ${work(unsent, kept, trans)}`;
}

function work(unsent: number, kept: boolean, trans: TranslationBundle): string {
  if (unsent === 0) {
    return trans.__('Everything that you typed is on the server.');
  }
  return kept
    ? trans._n(
        '%1 change is not on the server; this browser keeps it.',
        '%1 changes are not on the server; this browser keeps them.',
        unsent
      )
    : trans._n(
        '%1 change is not on the server, and only in this page: do not close it.',
        '%1 changes are not on the server, and only in this page: do not close it.',
        unsent
      );
}
