import { defineConfig } from 'vitest/config';
import { SEARCHES } from './vitest.search.config.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These need act, the registry, pg_cron or many minutes: test:workflows, test:package, test:wake and test:search.
    exclude: ['test/workflows/**', 'test/package/**', 'test/wake/**', ...SEARCHES],
    globalSetup: ['test/support/global-setup.ts'],
    // A busy machine starts ten commands in that time.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // For two cores: a third of the time of a file is waiting for processes and databases to start.
    maxWorkers: 3,
  },
});
