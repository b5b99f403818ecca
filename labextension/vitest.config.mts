import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // Stories at random take their time on a busy machine.
    testTimeout: 60_000,
    // JupyterLab's packages name their modules as bundlers do; Node alone does not find them.
    server: { deps: { inline: [/@jupyter\//, /@jupyterlab\//] } }
  }
});
