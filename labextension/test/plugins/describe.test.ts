import { nullTranslator } from '@jupyterlab/translation';
import { describe as suite, expect, it } from 'vitest';

import type { Hindrance } from '../../src/connection/responses';
import type { Line } from '../../src/connection/roomConnection';
import { statusText, waitingText } from '../../src/rooms/statusText';
import type { Status } from '../../src/peer/effects';

const LIVE: Status = {
  phase: 'live',
  unacked: 0,
  role: 'runner',
  saved: true,
  saveError: null,
  fileGone: null,
  fileReadOnly: null,
  storageError: null,
  fileError: null,
  restarted: false,
  fault: null
};
const CLEAR: Line = { hindrance: null, blocked: null, keeps: true };
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
    ['File deleted', { fileGone: { why: 'deleted', message: 'it is gone' } }, true, false],
    [
      'File deleted',
      { fileGone: { why: 'deleted', message: 'it is gone' }, saved: false },
      true,
      false
    ],
    [
      'File is not a notebook',
      { fileGone: { why: 'not-a-notebook', message: 'empty' } },
      true,
      false
    ],
    ['File is read-only', { fileReadOnly: 'by its mode' }, true, false],
    [
      'File is read-only',
      { fileReadOnly: 'by its mode', saveError: 'permission denied', saved: false },
      true,
      false
    ],
    ['Server cannot store changes', { storageError: 'disk full' }, true, false],
    ['File cannot be reached', { fileError: 'no answer', saved: false }, true, false],
    ['No access', { phase: 'closed', fault: 'forbidden' }, true, false],
    ['Not logged in', { phase: 'closed', fault: 'unauthenticated' }, true, false],
    ['Disconnected', { phase: 'closed', fault: 'protocol' }, true, false]
  ])('%s', (text, change, online, waiting) => {
    expect(statusText({ ...LIVE, ...change }, { online, waiting, line: CLEAR }, trans).text).toBe(
      text
    );
  });

  it('why it failed is in the title', () => {
    const { title, level } = statusText(
      { ...LIVE, saveError: 'disk full' },
      { online: true, waiting: false, line: CLEAR },
      trans
    );
    expect(title).toContain('disk full');
    expect(level).toBe('error');
  });

  it.each<[Hindrance, string, string]>([
    [{ kind: 'network' }, 'Reconnecting…', 'does not answer'],
    [{ kind: 'stopped', message: '' }, 'Server stopped', 'Start it again from the Hub'],
    [{ kind: 'login' }, 'Logged out', 'Log in again'],
    [{ kind: 'elsewhere', status: 404 }, 'Reconnecting…', 'A proxy answers'],
    [{ kind: 'server', message: 'oops' }, 'Reconnecting…', 'oops']
  ])('what it waits for: %o', (hindrance, text, why) => {
    const status: Status = { ...LIVE, phase: 'connecting', unacked: 2 };
    const line = { hindrance, blocked: null, keeps: true };
    const said = statusText(status, { online: true, waiting: true, line }, trans);
    expect(said.text).toBe(`${text} · 2 changes not on the server`);
    expect(said.title).toContain(why);
    expect(said.title).toContain('kept in this browser');
    expect(said.level).toBe('warn');
  });

  it.each<[boolean, string]>([
    [true, 'Reconnecting… · 2 changes not on the server · keep this page open'],
    [false, 'Offline · 2 changes not on the server · keep this page open']
  ])('a browser without storage does not claim to keep changes', (online, text) => {
    const status: Status = { ...LIVE, phase: 'connecting', unacked: 2 };
    const line = { ...CLEAR, keeps: false };
    const said = statusText(status, { online, waiting: true, line }, trans);
    expect(said.text).toBe(text);
    expect(said.level).toBe('error');
    expect(said.title).toContain('Keep this page open until they are sent');
    expect(said.title).not.toContain('kept');
    const live = statusText({ ...LIVE, unacked: 2 }, { online, waiting: true, line }, trans);
    expect(live.title).toContain('Keep this page open until they are sent');
  });

  it('a slow connection, and which path a proxy must pass', () => {
    const line = {
      hindrance: null,
      blocked: '/user/ana/api/runtimed/rooms/r1/socket',
      keeps: true
    };
    const said = statusText(LIVE, { online: true, waiting: false, line }, trans);
    expect(said.text).toBe('Saved · slow connection');
    expect(said.title).toContain('WebSockets through at /user/ana/api/runtimed/rooms/r1/socket');
  });
});

suite('the notice about what is waited for', () => {
  it('counts the changes that are kept', () => {
    const stopped: Hindrance = { kind: 'stopped', message: '' };
    expect(waitingText(stopped, { count: 0, keeps: true }, trans)).toBe(
      'The Hub stopped this server. Start it again from the Hub.'
    );
    expect(waitingText(stopped, { count: 21, keeps: true }, trans)).toContain(
      '21 changes are kept in this browser'
    );
    expect(waitingText({ kind: 'login' }, { count: 1, keeps: true }, trans)).toContain(
      '1 change is kept'
    );
    expect(waitingText(stopped, { count: 21, keeps: false }, trans)).toContain('cannot store');
  });

  it('is not there for a server that does not answer: the status bar says so', () => {
    expect(waitingText({ kind: 'network' }, { count: 3, keeps: true }, trans)).toBeNull();
    expect(waitingText(null, { count: 3, keeps: true }, trans)).toBeNull();
  });

  it('that a cell waits for input, while there is nothing worse', () => {
    const at = { online: true, waiting: false, asking: true, line: CLEAR };
    expect(statusText(LIVE, at, trans).text).toBe('Saved · waits for input');
    expect(statusText({ ...LIVE, role: 'viewer' }, at, trans).text).toBe(
      'Read-only · waits for input'
    );
    expect(statusText({ ...LIVE, saved: false }, at, trans).text).toBe('Saving…');
    expect(statusText({ ...LIVE, phase: 'connecting' }, at, trans).text).toBe('Reconnecting…');
  });
});
