/**
 * Takes pictures of the job summary as GitHub shows it: GitHub-flavoured Markdown, GitHub's style sheet, Mermaid, in
 * Chromium, wide and narrow, light and dark. Fails where a page is wider than its window or a chart does not render.
 *
 * `npm run looks` needs Chromium (`CHROMIUM=/path/of/it`, or `chromium` on the path) and writes into `looks/`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import { chromium, type Page } from 'playwright-core';
import { page as summaryPage } from '../../src/action/pages/page.ts';
import { NOW, SCENES } from './scenes.ts';

const require = createRequire(import.meta.url);
const out = join(import.meta.dirname, '../../looks');
const WIDTHS = { desktop: 1012, phone: 390 };
const THEMES = ['light', 'dark'] as const;

const markdown = new MarkdownIt({ html: true, linkify: true });
const fence = markdown.renderer.rules.fence;
markdown.renderer.rules.fence = (tokens, index, options, env, self) =>
  tokens[index]?.info === 'mermaid'
    ? `<pre class="mermaid">${markdown.utils.escapeHtml(tokens[index].content)}</pre>`
    : (fence?.(tokens, index, options, env, self) ?? '');

function html(text: string, theme: (typeof THEMES)[number]): string {
  const css = readFileSync(require.resolve(`github-markdown-css/github-markdown-${theme}.css`), 'utf8');
  return `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
    <style>${css} body { margin: 0; background: ${theme === 'dark' ? '#0d1117' : '#ffffff'} } .markdown-body { padding: 16px }</style>
    <body class="markdown-body">${markdown.render(text)}</body>`;
}

async function picture(
  page: Page,
  name: string,
  text: string,
  theme: (typeof THEMES)[number],
): Promise<string[]> {
  await page.setContent(html(text, theme));
  const problems: string[] = [];
  if (text.includes('```mermaid')) {
    await page.addScriptTag({ path: join(import.meta.dirname, 'node_modules/mermaid/dist/mermaid.min.js') });
    const failed = await page.evaluate(async (dark) => {
      const { mermaid } = globalThis as unknown as {
        mermaid: { initialize(o: object): void; run(o: object): Promise<void> };
      };
      mermaid.initialize({ startOnLoad: false, theme: dark ? 'dark' : 'default' });
      return await mermaid.run({ querySelector: '.mermaid' }).then(
        () => null,
        (error: unknown) => String(error),
      );
    }, theme === 'dark');
    if (failed !== null) problems.push(`${name}: the chart does not render: ${failed}`);
  }
  // Tables scroll by themselves, as GitHub lets them; the page must not.
  const wide = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
  if (Number(wide) > 0) problems.push(`${name}: the page is ${wide} px wider than its window`);
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
  return problems;
}

const executablePath =
  process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const problems: string[] = [];
mkdirSync(out, { recursive: true });
try {
  for (const [scene, answer] of Object.entries(SCENES)) {
    const text = summaryPage(answer, new Date(NOW));
    for (const [device, width] of Object.entries(WIDTHS)) {
      for (const theme of THEMES) {
        const page = await browser.newPage({ viewport: { width, height: 700 } });
        problems.push(...(await picture(page, `${scene}-${device}-${theme}`, text, theme)));
        await page.close();
      }
    }
  }
} finally {
  await browser.close();
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
