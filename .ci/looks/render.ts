/**
 * Takes pictures of the job summary as GitHub shows it: GitHub-flavoured Markdown, GitHub's style sheet, Mermaid, in
 * Chromium, wide and narrow, light and dark. Fails where a page is wider than its window, text is cut or hard to read,
 * or a chart does not render; the diagrams of the README and the docs are looked at in the same way.
 *
 * `npm run looks` needs Chromium or Chrome on the path (or `CHROMIUM=/path/of/it`), and fonts with emoji for good
 * pictures. They are in `looks/` then; `-- --no-pictures` only looks.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Browser } from 'playwright-core';
import { durationChart, slowestChart } from '../../src/github/job-summary/charts.ts';
import { page as summaryPage } from '../../src/github/job-summary/page.ts';
import { execution } from '../../test/github/reports.ts';
import { openBrowser, show, THEMES, type Theme, unreadable, WIDTHS } from './browser.ts';
import { faultsOf, LEAST, READABLE } from './checks.ts';
import { HOSTILE_NAMES, NOW, SCENES } from './scenes.ts';

const root = join(import.meta.dirname, '../..');
const out = join(root, 'looks');
const { values } = parseArgs({ options: { 'no-pictures': { type: 'boolean', default: false } } });

interface Look {
  readonly name: string;
  readonly text: string;
  readonly width: number;
  readonly theme: Theme;
  readonly contrast: number;
}

/** Checks one page, folded and with everything open. @returns what is wrong with it */
async function look(browser: Browser, { name, text, width, theme, contrast }: Look): Promise<string[]> {
  const page = await browser.newPage({ viewport: { width, height: 700 } });
  try {
    const faults = await show(page, text, theme);
    if (!values['no-pictures']) await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
    faults.push(...(await faultsOf(page, contrast)));
    await page.evaluate(() => {
      for (const folded of document.querySelectorAll('details')) folded.open = true;
    });
    faults.push(...(await faultsOf(page, contrast)));
    return [...new Set(faults)].map((fault) => `${name}: ${fault}`);
  } finally {
    await page.close();
  }
}

const everyWay = (name: string, text: string): Look[] =>
  Object.entries(WIDTHS).flatMap(([device, width]) =>
    THEMES.map((theme) => ({ name: `${name}-${device}-${theme}`, text, width, theme, contrast: READABLE })),
  );

/** Each diagram of a page on its own, as GitHub frames it. */
function diagrams(path: string): Look[] {
  const charts = readFileSync(join(root, path), 'utf8').match(/^```mermaid\n[\s\S]*?^```/gm) ?? [];
  return charts.flatMap((text, index) =>
    THEMES.map((theme) => ({
      name: `${path.replaceAll(/\W/g, '-')}-${index + 1}-${theme}`,
      text,
      width: WIDTHS.desktop,
      theme,
      contrast: LEAST,
    })),
  );
}

/** Pages that are wrong, each with the fault that must be found: they prove that the checks work. */
const WRONG: readonly (readonly [text: string, theme: Theme, fault: RegExp])[] = [
  [`| a | b |\n| --- | --- |\n| ${'x'.repeat(80)} | y |`, 'light', /cut off/],
  [`| a | b |\n| --- | --- |\n| <sub>${'x'.repeat(80)}</sub> | y |`, 'dark', /cut off/],
  ['```mermaid\npie showData\n  no quotes : 1\n```', 'light', /does not render/],
  [
    '```mermaid\n%%{init: {"themeVariables": {"pie1": "#eeeeee", "pieOpacity": "1", "pieSectionTextColor": "#ffffff"}}}%%\npie\n  "a" : 3\n  "b" : 1\n```',
    'light',
    /contrast/,
  ],
];

const browser = await openBrowser();
const faults: string[] = [];
let looked = 0;
try {
  if (!values['no-pictures']) mkdirSync(out, { recursive: true });
  for (const [text, theme, fault] of WRONG) {
    const page = await browser.newPage({ viewport: { width: WIDTHS.phone, height: 700 } });
    const found = [...(await show(page, text, theme)), ...(await faultsOf(page))];
    if (!found.some((one) => fault.test(one))) faults.push(`No check found ${fault} in: ${text}`);
    await page.close();
  }
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  );
  const drawn = ['README.md', ...docs.map((name) => `docs/${name}`)].flatMap(diagrams);
  // The life of a job, its way through the code, and schedules.
  if (drawn.length < 3 * THEMES.length) faults.push('The docs have fewer than three diagrams.');
  const scenes = Object.entries(SCENES).flatMap(([scene, answer]) =>
    everyWay(scene, summaryPage(answer, new Date(NOW))),
  );
  for (const one of [...scenes, ...drawn]) {
    looked += 1;
    faults.push(...(await look(browser, one)));
  }
  const page = await browser.newPage();
  const charts = HOSTILE_NAMES.flatMap((name) => {
    const jobs = Array.from({ length: 40 }, (_, n) => execution({ name, durationSeconds: n }));
    return [slowestChart(jobs), durationChart(jobs)];
  }).map((chart) => chart.replaceAll('```mermaid\n', '').replaceAll('\n```', ''));
  faults.push(...(await unreadable(page, charts)));
} finally {
  await browser.close();
}
for (const fault of faults) console.error(fault);
console.log(`${looked} pages and diagrams looked at, ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
