import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { githubHtml } from './markdown.ts';

const require = createRequire(import.meta.url);
export const WIDTHS = { desktop: 1012, phone: 390 } as const;
export const THEMES = ['light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export function openBrowser(): Promise<Browser> {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  const executablePath = process.env.CHROMIUM ?? found;
  if (!executablePath) {
    throw new Error('There is no Chromium on the path. Install it, or name it in the variable CHROMIUM.');
  }
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

/** Shows Markdown as GitHub does, charts included. @returns what Mermaid said against the charts */
export async function show(page: Page, text: string, theme: Theme): Promise<string[]> {
  const css = readFileSync(require.resolve(`github-markdown-css/github-markdown-${theme}.css`), 'utf8');
  await page.setContent(`<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <style>${css} body { margin: 0; background: ${theme === 'dark' ? '#0d1117' : '#ffffff'} } .markdown-body { padding: 16px }</style>
    <body class="markdown-body">${githubHtml(text)}</body>`);
  if (!text.includes('```mermaid')) return [];
  await loadMermaid(page, theme);
  const failed = await page.evaluate(() =>
    mermaid.run({ querySelector: '.mermaid' }).then(
      () => null,
      (error: unknown) => String(error),
    ),
  );
  return failed === null ? [] : [`a chart does not render: ${failed}`];
}

declare const mermaid: {
  initialize(options: object): void;
  run(options: object): Promise<void>;
  parse(text: string): Promise<unknown>;
};

/** As GitHub sets it up: no script in charts, and the theme of the page. */
async function loadMermaid(page: Page, theme: Theme): Promise<void> {
  await page.addScriptTag({ path: join(import.meta.dirname, 'node_modules/mermaid/dist/mermaid.min.js') });
  await page.evaluate(
    (name) => mermaid.initialize({ startOnLoad: false, theme: name }),
    {
      light: 'default',
      dark: 'dark',
    }[theme],
  );
}

/** What Mermaid's parser says against each of these charts. */
export async function unreadable(page: Page, charts: readonly string[]): Promise<string[]> {
  await page.setContent('<!doctype html>');
  await loadMermaid(page, 'light');
  return await page.evaluate(async (texts) => {
    const faults: string[] = [];
    for (const text of texts) {
      await mermaid.parse(text).catch((error: unknown) => faults.push(`${String(error)}\n${text}`));
    }
    return faults;
  }, charts);
}
