import { defineConfig } from 'vitest/config';

/** The dashboard in a browser: `npm run test:dashboard`. Needs Chromium, and `npm run build:dashboard`. */
export default defineConfig({
  test: {
    include: ['dashboard/test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
