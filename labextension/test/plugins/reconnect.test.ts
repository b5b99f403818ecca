// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';

import { remedyFor } from '../../src/rooms/kernelRemedy';

type Context = Parameters<typeof remedyFor>[0];

function context(kernel: { id: string; connectionStatus: string } | null, more = {}): Context {
  const session = kernel === null ? null : { kernel };
  const settled = { isReady: true, isTerminating: false, isRestarting: false };
  return { session, ...settled, ...more } as unknown as Context;
}

describe('the remedy for a kernel that JupyterLab has lost', () => {
  it('is to join the kernel of the room', () => {
    expect(remedyFor(context(null), 'k')).toBe('join');
    expect(remedyFor(context({ id: 'old', connectionStatus: 'disconnected' }), 'k')).toBe('join');
  });

  it('is to reconnect to a kernel that outlived the server', () => {
    expect(remedyFor(context({ id: 'k', connectionStatus: 'disconnected' }), 'k')).toBe(
      'reconnect'
    );
  });

  it('is nothing if JupyterLab has or seeks a kernel, or if the room has none', () => {
    expect(remedyFor(context({ id: 'other', connectionStatus: 'connected' }), 'k')).toBe('nothing');
    expect(remedyFor(context({ id: 'k', connectionStatus: 'connecting' }), 'k')).toBe('nothing');
    expect(remedyFor(context(null, { isReady: false }), 'k')).toBe('nothing');
    expect(remedyFor(context(null, { isTerminating: true }), 'k')).toBe('nothing');
    expect(remedyFor(context(null), '')).toBe('nothing');
  });
});
