import { defineConfig } from 'vitest/config';

/** The npm package as people get it: `npm run test:package`. Needs the registry, and what `npm ci --prefix .ci` brings. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 120_000,
    hookTimeout: 600_000,
  },
});
