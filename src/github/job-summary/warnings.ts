import { words } from './escape.ts';

/** What is wrong around a run, each as a line of its own. */
export const warningLines = (warnings: readonly string[]): string[] =>
  warnings.map((warning) => `⚠️ ${words(warning, 800)}`);
