import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createPaperStore, type PaperStore } from '../../src/handlers/paper-fetch/store.ts';
import { createQueue, type Queue } from '../../src/queue/queue.ts';
import { createRpc } from '../../src/queue/rpc.ts';
import type { Fence } from '../../src/queue/step-replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

// Two projects see the same calls. One loses the first reply to each of them, after the request has been applied. In
// the end both must have answered the same and hold the same.

interface Side {
  readonly project: TestProject;
  readonly queue: Queue;
  readonly papers: PaperStore;
}
let whole: Side;
let struck: Side;
const lost: string[] = [];

async function side(): Promise<Side> {
  const project = await startTestProject();
  const rpc = createRpc({ url: project.url, key: project.secretKey, clientInfo: 'test' });
  return {
    project,
    queue: createQueue(rpc, () => 'not-made-here'),
    papers: createPaperStore((fn, args) => rpc(fn, args, z.unknown())),
  };
}
beforeAll(async () => {
  [whole, struck] = await Promise.all([side(), side()]);
});
afterAll(async () => {
  await Promise.all([whole?.project.stop(), struck?.project.stop()]);
});

const REQUEST = '0190a0b0-0000-7000-8000-00000000000';
const claim = (n: number, limit = 1) => ({
  limit,
  queues: ['default'],
  jobTypes: ['custom' as const],
  lockSeconds: 300,
  requestId: `${REQUEST}${n}`,
  runUrl: null,
});
const execution = (n: number, position = 1): string => `${`${REQUEST}${n}`.slice(0, 32)}000${position}`;
const job = (id: string, more: object = {}) => ({
  job_id: id,
  name: id,
  job_type: 'custom' as const,
  ...more,
});
const EVERYTHING = { limit: 50 };
const PAPER = {
  source: 'arxiv',
  sourceId: '2401.00001',
  arxivId: '2401.00001',
  version: 1,
  doi: null,
  title: 'A title',
  authors: ['A. Author'],
  abstract: 'Words',
  categories: ['cs.AI'],
  primaryCategory: 'cs.AI',
  published: '2024-01-01T00:00:00Z',
  updated: '2024-01-02T00:00:00Z',
  url: 'https://arxiv.org/abs/2401.00001',
  pdfUrl: null,
  comment: null,
  journalRef: null,
} as const;

/**
 * A life of jobs that needs every function which the client calls. `unlike` says why the second answer may be another
 * than the first, where it may: what is in the database must be the same all the same.
 */
const CALLS: readonly { readonly fn: string; readonly unlike?: string; call(on: Side): Promise<unknown> }[] =
  [
    { fn: 'cloud_jobs_version', call: ({ queue }) => queue.checkSchema() },
    {
      fn: 'cloud_jobs_enqueue',
      call: ({ queue }) =>
        queue.enqueue([
          job('a'),
          job('b'),
          job('c', { max_retries: 0 }),
          job('d', { unique_key: 'one' }),
          job('e', { unique_key: 'one' }),
          job('f'),
          job('g'),
        ]),
    },
    {
      fn: 'cloud_jobs_claim',
      call: async ({ queue }) => {
        // Earlier workers are reported only once.
        const { worker, ...reply } = await queue.claim('w', claim(1, 3));
        return reply;
      },
    },
    {
      fn: 'cloud_jobs_renew',
      call: ({ queue }) => queue.renew('w', [{ execution_id: execution(1), progress: { done: 1 } }], 300),
    },
    {
      fn: 'cloud_jobs_finish',
      call: ({ queue }) =>
        queue.finish(
          'w',
          [
            {
              execution_id: execution(1),
              outcome: 'success',
              result: { n: 1 },
              duration_seconds: 1,
              spawn: [
                { name: 'later', job_type: 'custom', queue: 'other', ref: 'later' },
                { name: 'last', job_type: 'custom', queue: 'other', depends_on: ['later'] },
              ],
            },
            { execution_id: execution(1, 2), outcome: 'release', error: 'why', duration_seconds: 1 },
            { execution_id: execution(1, 3), outcome: 'failure', error: 'no', duration_seconds: 1 },
          ],
          claim(2),
        ),
    },
    {
      fn: 'cloud_jobs_step',
      call: async (on) => on.queue.step(await heldBy(on), 'fetched', { pages: 3 }, 1),
    },
    {
      fn: 'cloud_jobs_wait',
      call: async (on) => on.queue.wait(await heldBy(on), { name: 'paid', kind: 'event', seconds: 60 }),
    },
    {
      fn: 'cloud_jobs_signal',
      unlike: 'it had come already',
      call: async (on) => on.queue.signal((await heldBy(on)).jobId, 'paid', { amount: 12 }, 'bank-1'),
    },
    { fn: 'cloud_jobs_recall', call: async (on) => on.queue.recall(await heldBy(on)) },
    {
      fn: 'cloud_jobs_retry_from_step',
      unlike: 'the job waits by then, and has no such step',
      call: async ({ project, queue }) => {
        await project.sql(
          `insert into cloud_job_steps (job_id, occurrence, name, kind, position, execution_id, finished_at)
           select 'c', occurrence, 'first', 'step', 1, 'x', now() from cloud_jobs where job_id = 'c' and status = 'failed'`,
        );
        return await queue.retryFromStep('c', 'first');
      },
    },
    {
      fn: 'cloud_jobs_retry_with_dependents',
      unlike: 'it says that there was nothing left to change',
      call: ({ queue }) => queue.retryWithDependents('a'),
    },
    ...(
      [
        ['cancel', 'f'],
        ['retry', 'f'],
        ['disable', 'g'],
        ['enable', 'g'],
        ['delete', 'f'],
      ] as const
    ).map(([verb, id]) => ({
      fn: `cloud_jobs_${verb}`,
      unlike: 'it says that there was nothing left to change',
      call: ({ queue }: Side) => queue.verb(verb, id),
    })),
    {
      fn: 'cloud_jobs_apply',
      unlike: 'what was created is unchanged now',
      call: ({ queue }) =>
        queue.apply(
          'a file',
          [{ name: 'h', job_type: 'custom', unique_key: 'daily', schedule: '17 3 * * *' }],
          {
            prune: true,
            dryRun: false,
            adopt: false,
          },
        ),
    },
    {
      fn: 'cloud_jobs_update',
      unlike: 'it says that there was nothing left to change',
      call: ({ queue }) => queue.update('g', { priority: 7 }),
    },
    {
      fn: 'cloud_jobs_bulk',
      unlike: 'there was nothing left to change',
      call: ({ queue }) => queue.bulk('disable', { job_ids: ['g'] }, { dryRun: false, limit: 10 }),
    },
    { fn: 'cloud_jobs_set_queue', call: ({ queue }) => queue.setQueue('other', { paused: true }) },
    { fn: 'cloud_jobs_queue_list', call: ({ queue }) => queue.queues() },
    { fn: 'cloud_jobs_queue_rates', call: ({ queue }) => queue.queueRates() },
    { fn: 'cloud_jobs_metrics', unlike: 'times differ', call: ({ queue }) => queue.metrics() },
    {
      fn: 'cloud_jobs_alert_take',
      call: ({ queue }) =>
        queue.alertTake('w', 'webhook test', ['alerts'], [{ subject: 'Workers', error: 'late' }], '0'),
    },
    {
      fn: 'cloud_jobs_alert_done',
      unlike: 'it was recorded the first time',
      call: async ({ queue }) => {
        const { alerts } = await queue.alertTake('w', 'webhook test', ['alerts'], [], '0');
        return await queue.alertDone(
          'w',
          'webhook test',
          alerts.map(({ id }) => ({ id, sent: true })),
        );
      },
    },
    { fn: 'cloud_jobs_overview', call: ({ queue }) => queue.overview(24) },
    { fn: 'cloud_jobs_outcomes', call: ({ queue }) => queue.outcomes(['a', 'h']) },
    { fn: 'cloud_jobs_aftermath', call: ({ queue }) => queue.aftermath(['a', 'c']) },
    { fn: 'cloud_jobs_paper_list', call: ({ queue }) => queue.papers(5) },
    { fn: 'cloud_jobs_count', call: ({ queue }) => queue.count({}) },
    { fn: 'cloud_jobs_list', call: ({ queue }) => queue.list(EVERYTHING) },
    { fn: 'cloud_jobs_show', call: ({ queue }) => queue.show('a', 5) },
    { fn: 'cloud_jobs_stats', call: ({ queue }) => queue.stats() },
    { fn: 'cloud_jobs_peek', call: ({ queue }) => queue.peek(['default'], ['custom'], 5) },
    { fn: 'cloud_jobs_backlog', call: ({ queue }) => queue.backlog(['default'], ['custom'], null) },
    {
      fn: 'cloud_jobs_plan',
      unlike: 'the run is known then',
      call: ({ queue }) =>
        queue.backlog(['default'], ['custom'], {
          instanceId: 'planner',
          runUrl: 'https://github.com/octo/consumer/actions/runs/1',
          trigger: 'schedule 17 * * * *',
        }),
    },
    { fn: 'cloud_jobs_inspect', call: ({ queue }) => queue.inspect() },
    { fn: 'cloud_jobs_unattended', call: ({ queue }) => queue.unattended() },
    { fn: 'cloud_jobs_doctor', unlike: 'sizes differ', call: ({ queue }) => queue.doctor() },
    { fn: 'cloud_jobs_bloat', unlike: 'sizes differ', call: ({ queue }) => queue.bloat() },
    {
      fn: 'cloud_jobs_upsert_papers',
      unlike: 'what was new is known now',
      call: ({ papers }) => papers.upsert([PAPER]),
    },
    { fn: 'cloud_jobs_paper_stats', call: ({ papers }) => papers.count() },
    { fn: 'cloud_jobs_paper_query', call: ({ papers }) => papers.markComplete('a query', 1) },
    {
      fn: 'release_expired_locks',
      unlike: 'it ended them the first time',
      call: async ({ project, queue }) => {
        await project.sql(
          `update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked'`,
        );
        return await queue.releaseExpiredLocks();
      },
    },
    {
      fn: 'cloud_jobs_prune',
      unlike: 'it deleted them the first time',
      call: async ({ project, queue }) => {
        await project.sql(
          `update cloud_job_executions set finished_at = now() - interval '9 days' where status <> 'running'`,
        );
        return await queue.prune({ executions: 7, jobs: 30 });
      },
    },
  ];

/** The attempt that the second claim began. */
async function heldBy({ project }: Side): Promise<Fence> {
  const [row] = await project.sql<{ job_id: string }>(
    'select job_id from cloud_jobs where locked_execution_id = $1',
    [execution(2)],
  );
  return { instanceId: 'w', jobId: row?.job_id ?? '', executionId: execution(2) };
}

it.each(CALLS)('$fn', async ({ fn, unlike, call }) => {
  const expected = await call(whole);
  let meets = true;
  struck.project.setFaults(({ path }) => {
    if (!meets || path !== `/rpc/${fn}`) return undefined;
    meets = false;
    lost.push(fn);
    return { kind: 'lose-reply' };
  });
  const answered = await call(struck);
  struck.project.setFaults(undefined);
  expect(lost.at(-1)).toBe(fn);
  if (unlike === undefined) expect(timeless(answered)).toEqual(timeless(expected));
  else if (has(expected, 'ok')) expect(answered).toMatchObject({ ok: expected.ok });
  expect(await held(struck)).toEqual(await held(whole));
});

it('is every function that the client calls', () => {
  const source = new URL('../../src/', import.meta.url);
  const files = ['queue', 'handlers/paper-fetch'].flatMap((folder) =>
    readdirSync(new URL(folder, source)).map((file) => new URL(`${folder}/${file}`, source)),
  );
  const named = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/'(cloud_jobs_[a-z_]+|release_expired_locks)'/g)].map(
      ([, name]) => name,
    ),
  );
  const verbs = ['cancel', 'retry', 'disable', 'enable', 'delete'].map((verb) => `cloud_jobs_${verb}`);
  expect(lost.toSorted()).toEqual([...new Set([...named, ...verbs])].toSorted());
});

/** What a project holds, without what the clock and chance decide. */
async function held({ project }: Side): Promise<unknown> {
  const tables = [
    'cloud_jobs',
    'cloud_job_executions',
    'cloud_job_workers',
    'cloud_job_steps',
    'cloud_job_signals',
    'cloud_job_dependencies',
    'papers',
    'cloud_jobs_paper_queries',
    'cloud_jobs_alert_channels',
    'cloud_jobs_alert_subjects',
  ];
  const all: Record<string, unknown> = {};
  for (const table of tables) {
    const rows = await project.sql<{ row: object }>(`select to_jsonb(t) as row from ${table} t`);
    all[table] = rows.map(({ row }) => JSON.stringify(timeless(row))).toSorted();
  }
  return all;
}

const MADE_ID = /"(?!0190a0b0)[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"/g;

const has = (value: unknown, key: string): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && key in value;

const timeless = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value ?? null)
      .replace(MADE_ID, '"id"')
      .replace(/"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^"]*"/g, '"time"'),
    (key, inner) => (/seconds|_ms$/.test(key) && typeof inner === 'number' ? 0 : inner),
  );
