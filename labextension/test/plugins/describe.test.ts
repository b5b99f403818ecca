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

suite('the status bar', () => {
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
  ])('shows "%s"', (text, change, online, waiting) => {
    expect(statusText({ ...LIVE, ...change }, { online, waiting, line: CLEAR }, trans).text).toBe(
      text
    );
  });

  it('has the reason of a failed save in its title', () => {
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
  ])('names the reason of a missing connection: %o', (hindrance, text, why) => {
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
  ])(
    'does not claim to keep changes if the browser has no storage (online: %s)',
    (online, text) => {
      const status: Status = { ...LIVE, phase: 'connecting', unacked: 2 };
      const line = { ...CLEAR, keeps: false };
      const said = statusText(status, { online, waiting: true, line }, trans);
      expect(said.text).toBe(text);
      expect(said.level).toBe('error');
      expect(said.title).toContain('Keep this page open until they are sent');
      expect(said.title).not.toContain('kept');
      const live = statusText({ ...LIVE, unacked: 2 }, { online, waiting: true, line }, trans);
      expect(live.title).toContain('Keep this page open until they are sent');
    }
  );

  it('shows a slow connection and the path that a proxy must pass', () => {
    const line = {
      hindrance: null,
      blocked: '/user/ana/api/runtimed/rooms/r1/socket',
      keeps: true
    };
    const said = statusText(LIVE, { online: true, waiting: false, line }, trans);
    expect(said.text).toBe('Saved · slow connection');
    expect(said.title).toContain('WebSockets through at /user/ana/api/runtimed/rooms/r1/socket');
  });

  it('shows that a cell waits for input, unless it is saving or reconnecting', () => {
    const at = { online: true, waiting: false, asking: true, line: CLEAR };
    expect(statusText(LIVE, at, trans).text).toBe('Saved · waits for input');
    expect(statusText({ ...LIVE, role: 'viewer' }, at, trans).text).toBe(
      'Read-only · waits for input'
    );
    expect(statusText({ ...LIVE, saved: false }, at, trans).text).toBe('Saving…');
    expect(statusText({ ...LIVE, phase: 'connecting' }, at, trans).text).toBe('Reconnecting…');
  });
});

suite('the notice about a missing connection', () => {
  it('counts the changes that the browser keeps', () => {
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

  it('is absent if the server does not answer, because the status bar says so', () => {
    expect(waitingText({ kind: 'network' }, { count: 3, keeps: true }, trans)).toBeNull();
    expect(waitingText(null, { count: 3, keeps: true }, trans)).toBeNull();
  });
});
