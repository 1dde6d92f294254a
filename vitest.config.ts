import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These need act or the registry: npm run test:workflows, npm run test:package.
    exclude: ['test/workflows/**', 'test/package/**'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // For two cores: a third of the time of a file is waiting for processes and databases to start.
    maxWorkers: 3,
  },
});
