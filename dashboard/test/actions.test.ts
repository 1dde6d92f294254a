import { AxeBuilder } from '@axe-core/playwright';
import { describe, expect, it } from 'vitest';
import { makeWorkspace } from '../../test/support/workspace.ts';
import { close, faults, open, page, project, served, useBrowser } from './page.ts';

useBrowser();

describe('actions', () => {
  it('create a job from the form of its handler', async () => {
    const workspace = makeWorkspace({
      'report.mjs': `import { z } from '${import.meta.resolve('zod')}';
        const config = z.object({ city: z.string(), days: z.int().default(7), to: z.array(z.string()) });
        export default { config, run: () => null };`,
    });
    await open({}, { handlers: workspace.folder });
    try {
      await page.goto(`${served.base}/new`);
      await page.getByLabel('Name', { exact: true }).fill('From a form');
      await page.getByRole('combobox', { name: 'Handler' }).waitFor();
      await page.getByLabel('city').fill('Wien');
      await page.getByLabel('to', { exact: true }).fill('ada\n eve \n');
      expect((await new AxeBuilder({ page }).analyze()).violations.map(({ id }) => id)).toEqual([]);
      await page.getByRole('button', { name: 'Create job' }).click();
      await page.getByRole('heading', { name: 'From a form' }).waitFor();
      const [job] = await project.sql(`delete from cloud_jobs where name = 'From a form' returning config`);
      expect(job?.config).toEqual({ handler: 'report.mjs', city: 'Wien', to: ['ada', 'eve'] });

      await page.goto(`${served.base}/new`);
      await page.getByRole('button', { name: 'Write JSON' }).click();
      await page.getByLabel('Config (JSON)').waitFor();
      await page.getByRole('combobox', { name: 'Type' }).selectOption('maintenance');
      expect(faults).toEqual([]);
    } finally {
      await close();
      workspace.remove();
    }
  });

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

  it('edit a recurring job where it is listed', async () => {
    await open();
    try {
      await project.sql(
        `select cloud_jobs_create('Digest of the day', 'custom', '{"handler": "x"}', schedule_param => '0 3 * * *')`,
      );
      await page.goto(`${served.base}/recurring`);
      const card = page.locator('li', { hasText: 'Digest of the day' });
      await card.getByText('At 03:00').waitFor();
      await card.getByRole('button', { name: 'Edit…' }).click();
      await page.getByLabel('Schedule').fill('0 4 * * *');
      await page.getByRole('button', { name: 'Save' }).click();
      await card.getByText('At 04:00').waitFor();
      expect(faults).toEqual([]);
    } finally {
      await project.sql(`delete from cloud_jobs where name = 'Digest of the day'`);
      await close();
    }
  });

  it('show how much a queue did in each hour', async () => {
    await open();
    try {
      await page.goto(`${served.base}/queues`);
      const card = (queue: string) =>
        page.locator('li', { has: page.getByRole('link', { name: queue, exact: true }) });
      await card('mail')
        .getByText(/^\d+ attempts in the last 24 hours, at most \d+ an hour$/)
        .waitFor();
      expect(await card('mail').getByRole('img').getAttribute('aria-label')).toMatch(/: \d+(, \d+){23}$/);
      await card('reports').getByText('No attempts in the last 24 hours.').waitFor();
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
      await page.locator('datalist#queue-values option[value="reports"]').waitFor({ state: 'attached' });
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
    await open({}, { readOnly: true });
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
