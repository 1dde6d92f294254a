import { defineConfig } from 'vitest/config';

/** Searches that take minutes: the model, property tests, faults and hostile texts. Run by `npm run test:search`. */
export const SEARCHES = [
  'test/model/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/**/*.property.test.ts',
  'test/sql/stress.test.ts',
  'test/e2e/hostile.test.ts',
];

export default defineConfig({
  test: {
    include: SEARCHES,
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
  },
});
