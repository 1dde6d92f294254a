import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { openWorkshop, type WorkshopFiles } from './workshop.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const PAGE = `export default async (config) => ({ page: config.n });`;
const SUM = `export default async (config, { parents }) => Object.entries(parents).map(([ref, { result }]) => [ref, result.page]);`;

function workshop(...files: WorkshopFiles) {
  const shop = openWorkshop(project, ...files);
  return {
    ...shop,
    /** The jobs of the queue besides the one with this id, by name. */
    async others(id: string) {
      const rows = await project.sql<{ name: string; status: string; job_id: string }>(
        'select name, status, job_id from cloud_jobs where queue = $1 and job_id <> $2 order by name',
        [shop.queue, id],
      );
      return rows;
    },
  };
}

describe('context.spawn', () => {
  it('adds jobs and a collector, which gets what the jobs returned', async () => {
    const shop = workshop({
      'split.mjs': `export default async (config, { spawn }) => {
        await spawn(
          [1, 2, 3].map((n) => ({ name: 'page ' + n, handler: 'page', config: { n }, ...(n === 2 && { ref: 'second' }) })),
          { then: { name: 'sum', handler: 'sum' } },
        );
        return 'split';
      };`,
      'page.mjs': PAGE,
      'sum.mjs': SUM,
    });
    const id = await shop.addJob('split');
    await shop.work();
    const others = await shop.others(id);
    expect(others.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'page 1 success',
      'page 2 success',
      'page 3 success',
      'sum success',
    ]);
    expect(await shop.result(others.at(-1)?.job_id ?? '')).toEqual([
      ['_1', 1],
      ['second', 2],
      ['_3', 3],
    ]);
  });

  it('counts if the handler does not wait for it, and can be called again', async () => {
    const shop = workshop({
      'split.mjs': `export default (config, context) => {
        context.spawn([{ name: 'a', handler: 'page', config: { n: 1 } }], { then: { name: 'b', handler: 'sum' } });
        context.spawn([{ name: 'c', handler: 'page', config: { n: 2 }, ref: 'c' }, { name: 'd', handler: 'sum', dependsOn: ['c'] }]);
        context.spawn([], { then: { name: 'e', handler: 'sum' } });
      };`,
      'page.mjs': PAGE,
      'sum.mjs': SUM,
    });
    const id = await shop.addJob('split');
    await shop.work();
    expect((await shop.others(id)).map(({ name, status }) => `${name} ${status}`)).toEqual(
      ['a', 'b', 'c', 'd', 'e'].map((name) => `${name} success`),
    );
  });

  it('adds nothing if the attempt throws, snoozes, discards or sleeps', async () => {
    const shop = workshop({
      'split.mjs': `export default async (config, context) => {
        await context.spawn([{ handler: 'split' }]);
        if (config.how === 'throw') throw new Error('no');
        if (config.how === 'sleep') await context.sleep('night', { hours: 1 });
        return config.how === 'snooze' ? context.snooze({ minutes: 5 }) : context.discard('no');
      };`,
    });
    for (const how of ['throw', 'sleep', 'snooze', 'discard'])
      await shop.addOne({ config: { handler: 'split', how } });
    await shop.work();
    expect(await project.sql('select from cloud_jobs where queue = $1', [shop.queue])).toHaveLength(4);
  });

  it('adds the jobs once if every reply is lost once', async () => {
    const shop = workshop({
      'split.mjs': `export default async (config, { spawn }) => spawn([{ name: 'a', handler: 'page' }], { then: { name: 'b', handler: 'page' } });`,
      'page.mjs': PAGE,
    });
    const id = await shop.addJob('split');
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
    expect((await shop.others(id)).map(({ name, status }) => `${name} ${status}`)).toEqual([
      'a success',
      'b success',
    ]);
  }, 60_000);

  it('fails the attempt if the database refuses the jobs, and records the others of the batch', async () => {
    const shop = workshop({
      'split.mjs': `export default async (config, { spawn }) => { await spawn([{ handler: 'page', dependsOn: ['nobody'] }]); return 1; };`,
      'page.mjs': PAGE,
    });
    const id = await shop.addJob('split', { max_retries: 0 });
    const page = await shop.addOne({ config: { handler: 'page', n: 7 } });
    await shop.work();
    expect(await shop.job(id)).toMatchObject({
      status: 'failed',
      error_message: expect.stringMatching(
        /^The handler succeeded, but the jobs that it spawns were refused: .* depends on "nobody"/,
      ),
    });
    expect(await shop.result(page)).toEqual({ page: 7 });
  });

  it('fails the attempt if a job holds a secret', async () => {
    const shop = workshop({
      'split.mjs': `export default async (config, { spawn }) => spawn([{ handler: 'page', config: { token: 'hunter2' } }]);`,
    });
    const id = await shop.addJob('split', { max_retries: 0 });
    await shop.work();
    expect((await shop.job(id)).error_message).toContain('the job "page" that it spawns holds a secret');
    expect(await shop.others(id)).toEqual([]);
  });

  it('throws for what is no job or too much, and keeps none of that call', async () => {
    const wrong: readonly [args: string, message: string][] = [
      ['{}', 'takes a list of jobs'],
      ['[null]', 'job 1 is no job'],
      ['[{ handler: "page" }, { config: {} }]', 'job 2 names no handler'],
      [
        '[{ handler: "page", dependson: [] }]',
        'has "dependson", which is not known here. Did you mean dependsOn?',
      ],
      ['[{ handler: "page", schedule: "@daily" }]', 'has "schedule", which is not known here'],
      ['[{ handler: "../page" }]', 'cannot be spawned: config.handler is "../page"'],
      ['[{ handler: "page", config: [1] }]', 'has a config that is no object'],
      ['[{ handler: "page", config: { when: new Map() } }]', 'its job.config.when is an instance of Map'],
      ['[{ handler: "page", ref: "_1" }]', 'its ref _1 is one that jobs without a ref get'],
      ['[{ handler: "page" }], { than: {} }', 'has no option "than"'],
      ['[{ handler: "page" }], { then: { handler: "page", x: 1 } }', 'the job in then has "x"'],
      ['Array.from({ length: 5_001 }, () => ({ handler: "page" }))', 'can spawn up to 5000 jobs'],
      ['[{ handler: "page", config: { text: "x".repeat(5e6) } }]', 'of 4194304 bytes'],
      [
        '[{ handler: { name: "page", config: z, run() {} }, config: { n: "x" } }]',
        'does not fit the handler "page": n: no number',
      ],
    ];
    const shop = workshop({
      'wrong.mjs': `
        const z = { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues: [{ message: 'no number', path: ['n'] }] }) } };
        export default async (config, { spawn }) => [
          ${wrong.map(([args]) => `await spawn(${args}).then(() => 'spawned', (error) => error.message)`).join(',\n')}
        ];`,
    });
    const id = await shop.addJob('wrong', { max_retries: 0 });
    await shop.work();
    expect(await shop.result(id)).toEqual(wrong.map(([, message]) => expect.stringContaining(message)));
    expect(await shop.others(id)).toEqual([]);
  });

  it('fails the attempt if it throws and nobody waits for it', async () => {
    const shop = workshop({
      'split.mjs': `export default async (config, { spawn }) => { spawn([{ handler: 'page' }]); spawn('page'); };`,
    });
    const id = await shop.addJob('split', { max_retries: 0 });
    await shop.work();
    expect((await shop.job(id)).error_message).toContain('context.spawn takes a list of jobs');
    expect(await shop.others(id)).toEqual([]);
  });
});

describe('CLOUD_JOBS_SPAWN', () => {
  it('adds the jobs of its lines, and a collector for each then', async () => {
    const shop = workshop(
      { 'page.mjs': PAGE, 'sum.mjs': SUM },
      {
        '*split': `#!/usr/bin/env bash
        for n in 1 2; do echo '{"name": "page '$n'", "handler": "page", "config": {"n": '$n'}, "max_retries": 0}'; done >> "$CLOUD_JOBS_SPAWN"
        echo '{"then": {"name": "sum", "handler": "sum"}}' >> "$CLOUD_JOBS_SPAWN"
        printf '{"name": "alone", "handler": "page", "priority": 5}' >> "$CLOUD_JOBS_SPAWN"
      `,
      },
    );
    const id = await shop.addJob('split');
    await shop.work();
    const others = await shop.others(id);
    expect(others.map(({ name, status }) => `${name} ${status}`)).toEqual(
      ['alone', 'page 1', 'page 2', 'sum'].map((name) => `${name} success`),
    );
    expect(await shop.result(others.at(-1)?.job_id ?? '')).toEqual([
      ['_1', 1],
      ['_2', 2],
    ]);
  });

  it.each([
    ['{"handler": "page"', 'Line 2 of CLOUD_JOBS_SPAWN is not JSON.'],
    [
      '{"handler": "page", "dependsOn": ["a"]}',
      'Line 2 of CLOUD_JOBS_SPAWN has "dependsOn", which is not known here. Did you mean depends_on?',
    ],
    ['[]', 'Line 2 of CLOUD_JOBS_SPAWN is no job.'],
  ])('fails the attempt for the line %s', async (line, message) => {
    const shop = workshop(
      {},
      {
        '*split': `#!/usr/bin/env bash
        echo '{"handler": "page"}' >> "$CLOUD_JOBS_SPAWN"
        echo '${line}' >> "$CLOUD_JOBS_SPAWN"
      `,
      },
    );
    const id = await shop.addJob('split', { max_retries: 0 });
    await shop.work();
    expect((await shop.job(id)).error_message).toContain(message);
    expect(await shop.others(id)).toEqual([]);
  });
});
