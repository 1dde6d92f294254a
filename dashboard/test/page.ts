import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { runSql } from '../../local-supabase/database.ts';
import { startTestProject, type TestProject } from '../../test/support/stack.ts';
import { browserPath, type Served, serve } from './served.ts';

/** The dashboard with its demo data in a real Chromium, on a real Postgres and PostgREST. */
const DATA = readFileSync(new URL('../demo-data.sql', import.meta.url), 'utf8');
let browser: Browser;
export let project: TestProject;
export let context: BrowserContext;
export let page: Page;
export let served: Served;
/** Errors of the page, and what its Content Security Policy refused. */
export const faults: string[] = [];

/** Starts the project and the browser before the tests of this file. */
export function useBrowser(): void {
  beforeAll(async () => {
    project = await startTestProject();
    await runSql(project.adminUrl, DATA);
    browser = await chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await project?.stop();
  });
  beforeEach(() => {
    faults.length = 0;
  });
}

/** Serves the dashboard and signs in. `close` ends both. */
export async function open(
  options: Parameters<Browser['newContext']>[0] = {},
  { readOnly = false, handlers }: { readonly readOnly?: boolean; readonly handlers?: string } = {},
): Promise<void> {
  served = await serve(project, readOnly, handlers);
  context = await browser.newContext(options);
  page = await context.newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Refused/.test(message.text()))
      faults.push(message.text());
  });
  await page.goto(served.url);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}

export async function close(): Promise<void> {
  await context?.close();
  await served?.stop();
}
