import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SLOW } from './vitest.slow.config.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These need act, the registry, pg_cron or many minutes: test:workflows, test:package, test:wake and test:slow.
    exclude: ['test/workflows/**', 'test/package/**', 'test/wake/**', ...SLOW],
    // Half of the tests start processes of Node: the second of a kind need not compile the source again.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node', import.meta.url)) },
    globalSetup: ['test/support/global-setup.ts'],
    // A busy machine starts ten commands in that time.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // For two cores: a third of the time of a file is waiting for processes and databases to start.
    maxWorkers: 3,
  },
});
