import { defineConfig } from 'vitest/config';

/** Wake on work with the real pg_cron: `npm run test:wake`. Needs the packages postgresql-N and postgresql-N-cron. */
export default defineConfig({
  test: {
    include: ['test/wake/**/*.test.ts'],
    testTimeout: 200_000,
    hookTimeout: 120_000,
  },
});
