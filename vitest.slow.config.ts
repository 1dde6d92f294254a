import { defineConfig } from 'vitest/config';

/**
 * What waits or searches for minutes: the model, property tests, faults, a simulated month, hostile texts, upgrades
 * beside workers, local stacks. `npm run test:slow`.
 */
export const SLOW = [
  'test/model/**/*.test.ts',
  'test/faults/**/*.test.ts',
  'test/local-supabase/**/*.test.ts',
  'test/**/*.property.test.ts',
  'test/**/*.fault.test.ts',
  'test/e2e/hostile.test.ts',
  'test/e2e/linger.test.ts',
  'test/e2e/staying-alive.test.ts',
  'test/e2e/upgrade.test.ts',
  'test/hosts/functions.test.ts',
  'test/hosts/grace.integration.test.ts',
  'test/hosts/two-hosts.integration.test.ts',
  'test/release/**/*.test.ts',
  'test/schedule/month.test.ts',
  'test/sql/bulk-stress.test.ts',
  'test/sql/flat-cost.test.ts',
  'test/sql/stress.test.ts',
  'test/worker/heartbeat.integration.test.ts',
];

export default defineConfig({
  test: {
    // The last also runs with fewer jobs in `npm test`.
    include: [...SLOW, 'test/schedule/backlog.integration.test.ts'],
    env: { LATE_JOBS: '10000' },
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 90_000,
    hookTimeout: 120_000,
    maxWorkers: 3,
  },
});
