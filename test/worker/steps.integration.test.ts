import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../sql/support.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { openWorkshop, type WorkshopFiles } from './workshop.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const workshop = (...files: WorkshopFiles) => openWorkshop(project, ...files);

describe('context.step', () => {
  it('runs once for all attempts, and gives later attempts what it returned', async () => {
    const shop = workshop({
      'pages.mjs': `export default async (config, context) => {
        const pages = await context.step('fetch', async () => { ran('fetch'); return [1, 2]; });
        const sum = await context.step('sum', () => { ran('sum'); return pages[0] + pages[1]; });
        if (context.attempt < 3) throw new Error('not yet');
        return { pages, sum };
      };`,
    });
    const id = await shop.addJob('pages');
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await shop.work();
      await shop.due(id);
    }
    expect(await shop.result(id)).toEqual({ pages: [1, 2], sum: 3 });
    expect(shop.ran()).toBe('fetch sum');
  });

  it('goes on after the process was killed at any point of 20 steps', async () => {
    const shop = workshop({
      'twenty.mjs': `export default async (config, context) => {
        let sum = 0;
        for (let n = 1; n <= 20; n += 1) {
          sum += await context.step('step ' + n, async () => {
            ran(String(n));
            if (context.attempt === n && n % 2 === 0) process.kill(process.pid, 'SIGKILL');
            return n;
          });
          if (context.attempt === n && n % 2 === 1) process.kill(process.pid, 'SIGKILL');
        }
        return sum;
      };`,
    });
    const id = await shop.addJob('twenty', { max_retries: 30 });
    for (let attempt = 1; attempt <= 21; attempt += 1) {
      await shop.work();
      await shop.due(id);
    }
    expect(await shop.result(id)).toBe(210);
    // A step that was cut off ran twice, one whose result was stored ran once.
    const times = new Map<string, number>();
    for (const n of shop.ran().split(' ')) times.set(n, (times.get(n) ?? 0) + 1);
    for (let n = 1; n <= 20; n += 1) expect(times.get(String(n)), `step ${n}`).toBe(n % 2 === 0 ? 2 : 1);
  }, 120_000);

  it('runs once, and its attempt ends, if every reply is lost once', async () => {
    const shop = workshop({
      'three.mjs': `export default async (config, context) => {
        for (const name of ['a', 'b', 'c']) await context.step(name, () => ran(name));
        const event = await context.waitFor('go');
        return event;
      };`,
    });
    const id = await shop.addJob('three');
    await call(project, 'cloud_jobs_signal', { job_param: id, name_param: 'go', payload_param: 'now' });
    let requests = 0;
    project.setFaults(() => {
      requests += 1;
      return requests % 2 === 1 ? { kind: 'lose-reply' } : undefined;
    });
    try {
      await shop.work();
    } finally {
      project.setFaults(undefined);
    }
    expect(await shop.result(id)).toBe('now');
    expect(shop.ran()).toBe('a b c');
    const rows = await project.sql('select count(*)::integer as n from cloud_job_steps where job_id = $1', [
      id,
    ]);
    expect(rows).toEqual([{ n: 4 }]);
  }, 60_000);

  it('is an error if its name is used twice, or its result is no JSON', async () => {
    const shop = workshop({
      'twice.mjs': `export default async (config, { step }) => {
        await step('a', () => 1);
        await step('a', () => 2);
      };`,
      'date.mjs': `export default async (config, { step }) => { await step('now', () => new Date()); };`,
    });
    const twice = await shop.addJob('twice', { max_retries: 0 });
    const date = await shop.addJob('date', { max_retries: 0 });
    await shop.work();
    expect((await shop.job(twice)).error_message).toContain('The name "a" is used by two steps of this job.');
    expect((await shop.job(date)).error_message).toContain(
      'the result of the step "now" is an instance of Date',
    );
  });

  it.each(['step', 'sleep', 'waitFor', 'approval', 'spawn'])(
    'refuses context.%s inside of it',
    async (call) => {
      const shop = workshop({
        'nested.mjs': `export default async (config, context) => {
        const args = { step: ['b', () => 1], sleep: ['b', { hours: 1 }], waitFor: ['b'], approval: [{ title: 'b' }], spawn: [[{ handler: 'nested' }]] };
        const first = context.step('a', () => context.${call}(...args.${call}));
        // Beside a step, not in it.
        await Promise.all([first, context.step('c', () => 1)]);
      };`,
      });
      const id = await shop.addJob('nested', { max_retries: 0 });
      await shop.work();
      expect(await shop.job(id)).toMatchObject({
        status: 'failed',
        error_message: expect.stringContaining(`context.${call} was called inside the step "a"`),
      });
    },
  );

  it('hands the job back between steps when the time budget is over', async () => {
    const shop = workshop({
      'long.mjs': `export default async (config, context) => {
        for (let n = 1; n <= 3; n += 1)
          await context.step('step ' + n, async () => { ran(String(n)); await new Promise((r) => setTimeout(r, 1200)); });
        return 'done';
      };`,
    });
    const id = await shop.addJob('long');
    let runs = 0;
    while ((await shop.job(id)).status === 'waiting' && runs < 5) {
      runs += 1;
      await shop.work({ timeBudgetSeconds: 1 });
    }
    expect(await shop.result(id)).toBe('done');
    expect(runs).toBe(3);
    expect(shop.ran()).toBe('1 2 3');
    expect(await shop.job(id)).toMatchObject({ status: 'success', current_retries: 0 });
  }, 60_000);
});

describe('context.sleep', () => {
  it('ends the attempt, and goes on after it', async () => {
    const shop = workshop({
      'night.mjs': `export default async (config, context) => {
        await context.step('before', () => ran('before'));
        await context.sleep('night', { hours: 20 });
        ran('after');
        return 'done';
      };`,
    });
    const id = await shop.addJob('night', { max_retries: 0 });
    await shop.work();
    expect(await shop.job(id)).toMatchObject({
      status: 'waiting',
      current_retries: 0,
      due_in: expect.closeTo(72_000, -3),
    });
    await project.sql(`update cloud_job_steps set until = now() where job_id = $1 and kind = 'sleep'`, [id]);
    await shop.due(id);
    await shop.work();
    expect(await shop.result(id)).toBe('done');
    expect(shop.ran()).toBe('before after');
  });

  it('lets steps that run at the same time end first', async () => {
    const shop = workshop({
      'both.mjs': `export default async (config, context) => {
        await Promise.all([
          context.step('slow', async () => { await new Promise((r) => setTimeout(r, 500)); ran('slow'); }),
          context.sleep('short', { hours: 1 }),
        ]);
      };`,
    });
    const id = await shop.addJob('both');
    await shop.work();
    expect(shop.ran()).toBe('slow');
    const rows = await project.sql(
      'select name, finished_at is not null as done from cloud_job_steps where job_id = $1 order by 1',
      [id],
    );
    expect(rows).toEqual([
      { name: 'short', done: false },
      { name: 'slow', done: true },
    ]);
  });
});

describe('context.waitFor and context.approval', () => {
  it('go on with the event that comes', async () => {
    const shop = workshop({
      'order.mjs': `export default async (config, context) => {
        const event = await context.waitFor('paid', { timeoutDays: 7 });
        const answer = await context.approval({ title: 'Ship it?', details: event });
        return { event, answer };
      };`,
    });
    const id = await shop.addJob('order');
    await shop.work();
    await call(project, 'cloud_jobs_signal', {
      job_param: id,
      name_param: 'paid',
      payload_param: { amount: 12 },
    });
    await shop.work();
    const shown = await call(project, 'cloud_jobs_show', { job_id_param: id });
    expect(shown).toMatchObject({
      steps: [
        { name: 'paid', result: { amount: 12 } },
        { name: 'approval', finished_at: null, details: { title: 'Ship it?', details: { amount: 12 } } },
      ],
    });
    await call(project, 'cloud_jobs_signal', {
      job_param: id,
      name_param: 'approval',
      payload_param: { approved: true, by: 'ada', note: null },
    });
    await shop.work();
    expect(await shop.result(id)).toEqual({
      event: { amount: 12 },
      answer: { approved: true, by: 'ada', note: null, timedOut: false },
    });
  });
});

describe('context.parents', () => {
  it('has what the jobs before it returned, by ref', async () => {
    const shop = workshop({
      'fetch.mjs': 'export default async (config) => ({ page: config.page });',
      'merge.mjs':
        'export default async (config, { parents }) => ({ names: Object.keys(parents), a: parents.a.result, b: parents.b });',
    });
    const [, b, merge] = await shop.add(
      { ref: 'a', config: { handler: 'fetch', page: 'A' } },
      { ref: 'b', name: 'Fetch B', config: { handler: 'fetch', page: 'B' } },
      { depends_on: ['b', 'a'], config: { handler: 'merge' } },
    );
    await shop.work();
    expect(await shop.result(merge ?? '')).toEqual({
      names: ['b', 'a'],
      a: { page: 'A' },
      b: { jobId: b, name: 'Fetch B', status: 'success', result: { page: 'B' }, leftOut: false },
    });
  });
});

describe('CLOUD_JOBS_STEPS', () => {
  it('stores the steps of an executable, and gives them to its next run', async () => {
    const shop = workshop(
      {},
      {
        '*work': `#!/usr/bin/env bash
        if [[ "$CLOUD_JOBS_JOB" == *'"steps":{"fetch":[1,2]}'* ]]; then echo '"went on"' > "$CLOUD_JOBS_RESULT"; exit 0; fi
        echo '{"name": "fetch", "result": [1, 2]}' >> "$CLOUD_JOBS_STEPS"
        echo 'no JSON' >> "$CLOUD_JOBS_STEPS"
        exit 1
      `,
      },
    );
    const id = await shop.addJob('work');
    await shop.work();
    expect(await shop.executions(id)).toMatchObject([{ status: 'failed' }]);
    await shop.due(id);
    await shop.work();
    expect(await shop.result(id)).toBe('went on');
  });
});
