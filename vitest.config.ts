import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These need act, the registry or pg_cron: npm run test:workflows, test:package and test:wake.
    exclude: ['test/workflows/**', 'test/package/**', 'test/wake/**'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // For two cores: a third of the time of a file is waiting for processes and databases to start.
    maxWorkers: 3,
  },
});
