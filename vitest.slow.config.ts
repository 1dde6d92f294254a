import { defineConfig } from 'vitest/config';

/**
 * What waits or searches for minutes: the model, property tests, faults, a simulated month, hostile texts, repeated
 * installations, upgrades, local stacks. `npm run test:slow`.
 */
export const SLOW = [
  'test/**/*.fault.test.ts',
  'test/**/*.property.test.ts',
  'test/commands/doctor.test.ts',
  'test/e2e/hostile.test.ts',
  'test/e2e/linger.test.ts',
  'test/e2e/staying-alive.test.ts',
  'test/e2e/upgrade.test.ts',
  'test/faults/**/*.test.ts',
  'test/handlers/custom/output.test.ts',
  'test/hosts/functions.test.ts',
  'test/hosts/grace.integration.test.ts',
  'test/hosts/two-hosts.integration.test.ts',
  'test/local-supabase/**/*.test.ts',
  'test/model/**/*.test.ts',
  'test/release/**/*.test.ts',
  'test/schedule/month.test.ts',
  'test/sql/bulk-stress.test.ts',
  'test/sql/flat-cost.test.ts',
  'test/sql/security.test.ts',
  'test/sql/stress.test.ts',
  'test/sql/upgrade.test.ts',
  'test/worker/claims.integration.test.ts',
  'test/worker/heartbeat.integration.test.ts',
  'test/worker/steps.integration.test.ts',
  'test/worker/watch.integration.test.ts',
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
