/** What is said of a room's state: a word for the status bar, and more for who points at it. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Fault, Status } from '../protocol/effects';

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
}

export function describe(
  status: Status,
  { online, waiting }: Circumstances,
  trans: TranslationBundle
): Description {
  if (status.fault !== null) {
    return ended(status.fault, status, trans);
  }
  if (status.phase !== 'live') {
    return away(status, online, trans);
  }
  if (status.role === 'viewer') {
    const text = withUnsent(trans.__('Read-only'), status, trans);
    const level = status.unacked > 0 ? 'warn' : 'good';
    return { text, level, title: trans.__('You may read this notebook, but not change it.') };
  }
  return here(status, waiting, trans);
}

function here(status: Status, waiting: boolean, trans: TranslationBundle): Description {
  if (status.storageError !== null) {
    const text = trans.__('Server cannot store changes');
    return { text, level: 'error', title: status.storageError };
  }
  if (status.unacked > 0 && waiting) {
    const title = trans.__('They are kept in this browser and are being sent.');
    return { text: unsent(status, trans), level: 'warn', title };
  }
  if (status.saveError !== null) {
    const text = trans.__('Not saved');
    const title = trans.__(
      'The server keeps every change, but cannot write the file: %1',
      status.saveError
    );
    return { text, level: 'error', title };
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

function away(status: Status, online: boolean, trans: TranslationBundle): Description {
  const title = trans.__('Changes are kept in this browser and sent when the server is back.');
  if (!online) {
    return { text: withUnsent(trans.__('Offline'), status, trans), level: 'warn', title };
  }
  if (status.phase === 'connecting') {
    return { text: withUnsent(trans.__('Reconnecting…'), status, trans), level: 'warn', title };
  }
  return { text: withUnsent(trans.__('Connecting…'), status, trans), level: 'busy', title };
}

function ended(fault: Fault, status: Status, trans: TranslationBundle): Description {
  const title = endedBecause(fault, trans);
  return { text: withUnsent(trans.__('Disconnected'), status, trans), level: 'error', title };
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
