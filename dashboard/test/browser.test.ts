import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runSql } from '../../local-supabase/database.ts';
import { startTestProject, type TestProject } from '../../test/support/stack.ts';
import { browserPath, type Served, serve } from './served.ts';

/** The dashboard in a real Chromium, on a real Postgres and PostgREST. */
const DATA = readFileSync(new URL('../demo-data.sql', import.meta.url), 'utf8');
const VIEWS = [
  '/',
  '/jobs',
  '/jobs?status=failed',
  '/jobs/demo-41',
  '/recurring',
  '/queues',
  '/papers',
  '/new',
];

let project: TestProject;
let browser: Browser;
beforeAll(async () => {
  project = await startTestProject();
  await runSql(project.adminUrl, DATA);
  browser = await chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser?.close();
  await project?.stop();
});

let context: BrowserContext;
let page: Page;
let served: Served;
const faults: string[] = [];

async function open(options: Parameters<Browser['newContext']>[0] = {}, readOnly = false): Promise<void> {
  served = await serve(project, readOnly);
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

async function close(): Promise<void> {
  await context?.close();
  await served?.stop();
}

beforeEach(() => {
  faults.length = 0;
});

describe('every view', () => {
  it.each([
    ['desktop, light', { viewport: { width: 1200, height: 800 }, colorScheme: 'light' as const }],
    ['desktop, dark', { viewport: { width: 1200, height: 800 }, colorScheme: 'dark' as const }],
    ['phone, light', { viewport: { width: 390, height: 844 }, colorScheme: 'light' as const }],
  ])('is accessible and fits: %s', async (_name, options) => {
    await open(options);
    try {
      for (const view of VIEWS) {
        await page.goto(served.base + view);
        await page.locator('main h1').waitFor();
        await page.getByText('Loading…').waitFor({ state: 'detached' });
        const { violations } = await new AxeBuilder({ page }).analyze();
        expect(
          violations.map(({ id, nodes }) => `${view}: ${id}: ${nodes[0]?.html}`),
          view,
        ).toEqual([]);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(overflow, `${view} is wider than the window`).toBeLessThanOrEqual(0);
      }
      expect(faults).toEqual([]);
    } finally {
      await close();
    }
  });

  it('asks no other host', async () => {
    await open();
    try {
      const hosts = new Set<string>();
      page.on('request', (request) => hosts.add(new URL(request.url()).host));
      for (const view of VIEWS) {
        await page.goto(served.base + view);
        await page.locator('main h1').waitFor();
      }
      hosts.delete('');
      expect([...hosts]).toEqual([new URL(served.base).host]);
      expect(new URL(page.url()).hash).toBe('');
    } finally {
      await close();
    }
  });
});

describe('actions', () => {
  it('create, edit, cancel, run again and delete a job', async () => {
    await open();
    try {
      await page.goto(`${served.base}/new`);
      await page.getByLabel('Name', { exact: true }).fill('From the form');
      await page.getByLabel('Config (JSON)').fill('{"handler": "hello",');
      await page.getByRole('button', { name: 'Create job' }).click();
      await page.getByText(/"config" is .*JSON/).waitFor();
      await page.getByLabel('Config (JSON)').fill('{"handler": "hello"}');
      await page.getByRole('button', { name: 'Create job' }).click();
      await page.getByRole('heading', { name: 'From the form' }).waitFor();

      await page.getByRole('button', { name: 'Edit…' }).click();
      await page.getByLabel('Priority (smaller first)').fill('-7');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.locator('dd', { hasText: /^-7$/ }).waitFor();

      const confirm = async (button: string, action: string): Promise<void> => {
        await page.getByRole('button', { name: button }).click();
        await page.getByText('1 job will change.').waitFor();
        await page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click();
        await page.getByRole('dialog').waitFor({ state: 'detached' });
      };
      await confirm('Cancel…', 'cancel');
      await page.locator('.heading .status-failed').waitFor();
      await confirm('Run again…', 'retry');
      await page.locator('.heading .status-due').waitFor();
      await confirm('Delete…', 'delete');
      await page.getByText('There is no job with this id.').waitFor();
      expect(faults).toEqual([]);
    } finally {
      await close();
    }
  });

  it('pause a queue, and set its limits', async () => {
    await open();
    try {
      await page.goto(`${served.base}/queues`);
      const card = page.locator('li', { has: page.getByRole('link', { name: 'reports', exact: true }) });
      await card.getByRole('button', { name: 'Pause' }).click();
      await card.getByText('paused').waitFor();
      await card.getByRole('button', { name: 'Resume' }).click();
      await card.getByRole('button', { name: 'Pause' }).waitFor();
      await card.getByRole('button', { name: 'Limits…' }).click();
      await page.getByLabel('Starts per period').fill('7');
      await page.getByRole('button', { name: 'Save' }).click();
      await card.getByText('7 per 1 min').waitFor();
    } finally {
      await close();
    }
  });

  it('do what is selected, after a count', async () => {
    await open();
    try {
      await page.goto(`${served.base}/jobs?queue=reports&state=due`);
      await page.getByLabel('Select all jobs of this page').check();
      await page.getByText('12 selected').waitFor();
      await page.getByRole('button', { name: 'cancel…' }).click();
      await page.getByText('12 jobs will change.').waitFor();
      await page.getByRole('dialog').getByRole('button', { name: 'cancel', exact: true }).click();
      await page.getByText('No job matches these filters.').waitFor();
      expect(
        await project.sql(
          `select count(*)::integer as n from cloud_jobs where queue = 'reports' and status = 'failed'`,
        ),
      ).toEqual([{ n: 12 }]);
    } finally {
      await close();
    }
  });

  it('approve what a job waits for, and follow its dependencies', async () => {
    await project.sql(`select cloud_jobs_enqueue('[{"name": "Order", "job_type": "custom", "job_id": "order", "ref": "o"},
      {"name": "Invoice", "job_type": "custom", "job_id": "invoice", "depends_on": ["o"]}]')`);
    await project.sql(`update cloud_jobs set has_steps = true where job_id = 'order'`);
    await project.sql(`insert into cloud_job_steps (job_id, occurrence, name, kind, position, until, details)
      values ('order', 1, 'approval', 'event', 1, now() + interval '1 day', '{"title": "Ship it?"}')`);
    await open();
    try {
      await page.goto(`${served.base}/jobs/order`);
      await page.getByText('waits for a person to decide').waitFor();
      expect((await new AxeBuilder({ page }).analyze()).violations.map(({ id }) => id)).toEqual([]);
      await page.getByRole('button', { name: 'Approve' }).click();
      await expect
        .poll(() =>
          project.sql(`select payload->'approved' as yes from cloud_job_signals where job_id = 'order'`),
        )
        .toEqual([{ yes: true }]);
      await page.getByRole('link', { name: 'Invoice' }).click();
      await page.getByText('Depends on: 1 job').waitFor();
    } finally {
      await close();
    }
  });

  it('are not offered on a read-only dashboard', async () => {
    await open({}, true);
    try {
      await page.getByText('read-only').waitFor();
      for (const view of ['/jobs', '/jobs/demo-41', '/queues', '/recurring']) {
        await page.goto(served.base + view);
        await page.locator('main h1').waitFor();
        await page.getByText('Loading…').waitFor({ state: 'detached' });
        const buttons = await page.locator('main button').allTextContents();
        expect(
          buttons.filter((text) => /…$|Pause$|Resume$/.test(text)),
          view,
        ).toEqual([]);
      }
    } finally {
      await close();
    }
  });
});

describe('live', () => {
  it('shows in two tabs what a worker did meanwhile', async () => {
    await open();
    try {
      await project.sql(`select cloud_jobs_create('Watched', 'custom', '{}', queue_param => 'watched')`);
      const other = await context.newPage();
      for (const tab of [page, other]) {
        await tab.goto(`${served.base}/jobs?queue=watched`);
        await tab.locator('.rows .status-due').waitFor();
      }
      const [claimed] = await project.sql<{ reply: { jobs: { execution_id: string }[] } }>(
        `select cloud_jobs_claim('w', 1, '{watched}') as reply`,
      );
      await page.locator('.rows .status-running').waitFor();
      await project.sql(`select cloud_jobs_finish('w', $1)`, [
        JSON.stringify([{ execution_id: claimed?.reply.jobs[0]?.execution_id, outcome: 'success' }]),
      ]);
      for (const tab of [page, other]) {
        await tab.bringToFront();
        await tab.locator('.rows .status-success').waitFor();
      }
    } finally {
      await close();
    }
  });

  it('says that the connection is lost, and keeps what it showed', async () => {
    await open();
    try {
      await page.goto(`${served.base}/jobs`);
      await page.locator('.rows').waitFor();
      await served.stop();
      await page.getByText('The dashboard does not answer.').waitFor();
      expect(await page.locator('.rows tbody tr').count()).toBeGreaterThan(10);
    } finally {
      await context.close();
    }
  });
});

it('shows hostile names, configs, errors and output as text', async () => {
  const hostile = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>"'\`\${1}`;
  await project.sql(
    `insert into cloud_jobs (job_id, name, job_type, config, status, finished_at, error_message, queue)
     values ('hostile', $1, 'custom', jsonb_build_object('handler', $1::text, $1::text, $1::text), 'failed', now(), $1, 'hostile')`,
    [hostile],
  );
  await project.sql(
    `insert into cloud_job_executions (job_id, status, finished_at, error_message, output, failure_kind, error_details, run_url)
     values ('hostile', 'failed', now(), $1, $1, 'error', to_jsonb($1::text), 'javascript:window.pwned=1')`,
    [hostile],
  );
  await open();
  try {
    for (const view of ['/jobs?queue=hostile', '/jobs/hostile']) {
      await page.goto(served.base + view);
      await page.getByText(hostile).first().waitFor();
      for (const summary of await page.locator('main summary').all()) await summary.click();
      for (const link of await page.locator('a[href^="javascript:"]').all()) await link.click();
      expect(await page.evaluate(() => (globalThis as { pwned?: unknown }).pwned)).toBeUndefined();
    }
  } finally {
    await close();
  }
});

it('a page of another origin can do nothing with a signed-in browser', async () => {
  await open();
  const attacker = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>attacker</title>');
  }).listen(0, '127.0.0.1');
  await once(attacker, 'listening');
  try {
    const before = await project.sql('select count(*)::integer as n from cloud_jobs');
    const tab = await context.newPage();
    await tab.goto(`http://localhost:${(attacker.address() as AddressInfo).port}/`);
    const results = await tab.evaluate(async (target) => {
      const body = JSON.stringify({ action: 'delete', filter: {}, dry_run: false, limit: 100 });
      const attempts: RequestInit[] = [
        { method: 'POST', body, mode: 'no-cors', credentials: 'include' },
        { method: 'POST', body, headers: { 'content-type': 'application/json' }, credentials: 'include' },
      ];
      return await Promise.all(
        attempts.map((init) =>
          fetch(`${target}/api/call/bulk`, init).then(
            (response) => response.type,
            () => 'failed',
          ),
        ),
      );
    }, served.base);
    expect(results).toEqual(['failed', 'failed']);
    expect(await project.sql('select count(*)::integer as n from cloud_jobs')).toEqual(before);
  } finally {
    attacker.close();
    await close();
  }
});
