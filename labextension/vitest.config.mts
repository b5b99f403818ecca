import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // JupyterLab's packages name their modules as bundlers do; Node alone does not find them.
    server: { deps: { inline: [/@jupyter\//, /@jupyterlab\//] } }
  }
});
