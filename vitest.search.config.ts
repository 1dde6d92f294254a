import { defineConfig } from 'vitest/config';

/** What takes minutes: the model, property tests, faults, a simulated month, hostile texts. `npm run test:search`. */
export const SEARCHES = [
  'test/model/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/**/*.property.test.ts',
  'test/**/*.fault.test.ts',
  'test/schedule/month.test.ts',
  'test/sql/stress.test.ts',
  'test/sql/bulk-stress.test.ts',
  'test/e2e/hostile.test.ts',
];

export default defineConfig({
  test: {
    // The last also runs with fewer jobs in `npm test`.
    include: [...SEARCHES, 'test/schedule/backlog.integration.test.ts'],
    env: { LATE_JOBS: '10000' },
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 90_000,
    hookTimeout: 120_000,
    maxWorkers: 3,
  },
});
