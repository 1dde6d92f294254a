import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AxeBuilder } from '@axe-core/playwright';
import { describe, expect, it } from 'vitest';
import { close, context, faults, open, page, project, served, useBrowser } from './page.ts';

useBrowser();

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
