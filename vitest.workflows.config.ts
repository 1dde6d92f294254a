import { defineConfig } from 'vitest/config';

/** The workflows, executed by act: `npm run test:workflows`. Apart from `npm test`, which needs nothing but npm. */
export default defineConfig({
  test: {
    include: ['test/workflows/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
