import { defineConfig } from 'vite';

/** Builds the page into `built/`; the server (`server/`) is compiled with the rest of the npm package. */
export default defineConfig({
  root: 'page',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { outDir: '../built', emptyOutDir: true, assetsInlineLimit: 0, target: 'es2022' },
});
