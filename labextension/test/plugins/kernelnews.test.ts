import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';

import { kernelText } from '../../src/rooms/kernelText';

const trans = nullTranslator.load('');

describe('the notice about a kernel command of another user', () => {
  it.each([
    ['restart', 'a.ipynb: Ben restarted the kernel. Its variables are gone.'],
    ['interrupt', 'a.ipynb: Ben interrupted the kernel.'],
    ['shutdown', 'a.ipynb: Ben shut down the kernel. Its variables are gone.']
  ])('names the other user and the command: %s', (action, text) => {
    expect(kernelText({ action, by: 'Ben' }, 'folder/a.ipynb', trans)).toBe(text);
  });

  it('is not shown for an unknown command or without a user', () => {
    for (const body of [{}, { action: 'restart' }, { action: 'freeze', by: 'Ben' }]) {
      expect(kernelText(body, 'a.ipynb', trans)).toBeNull();
    }
  });
});
