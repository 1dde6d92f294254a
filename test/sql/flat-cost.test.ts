import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { value } from './support.ts';

/**
 * What a call costs, counted in 8 KiB pages that Postgres touches, which no noise of the machine changes: at 1,000
 * waiting jobs and at 100,000 beside 200,000 finished ones. One connection all the time, as PostgREST's pool keeps
 * its connections: its plans are first made while the table is empty, and statistics are stale when the backlog comes.
 */
let project: TestProject;
let db: pg.Client;
beforeAll(async () => {
  project = await startTestProject();
  // Autovacuum would analyze at a moment of its own.
  await project.sql('alter table cloud_jobs set (autovacuum_enabled = off)');
  await project.sql('alter table cloud_job_executions set (autovacuum_enabled = off)');
  // The rows of the backlog are as claims have left them.
  await project.sql('alter table cloud_jobs disable trigger cloud_jobs_insert_unblocked');
  db = new pg.Client({ connectionString: project.adminUrl });
  await db.connect();
  await db.query('set role service_role');
});
afterAll(async () => {
  await db?.end();
  await project?.stop();
});

/** Pages touched by a statement, whose effect is undone. */
async function pages(text: string, params: unknown[] = []): Promise<number> {
  await db.query('begin');
  try {
    const [{ Plan: plan }] = await value<[{ Plan: Record<string, number> }]>(
      db,
      `explain (analyze, buffers, format json) ${text}`,
      params,
    );
    return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
  } finally {
    await db.query('rollback');
  }
}

const CALLS: Record<string, string> = {
  'a claim of 1': `select cloud_jobs_claim('w', 1)`,
  'a claim of 100': `select cloud_jobs_claim('w', 100)`,
  'a claim of 20 from two queues': `select cloud_jobs_claim('w', 20, '{default,other}')`,
  'a claim from limited queues': `select cloud_jobs_claim('w', 10, '{limited,default}')`,
  'a claim where nothing is due': `select cloud_jobs_claim('w', 10, '{later}')`,
  'a claim of the first schema': `select * from get_next_available_job('w')`,
  'finishing 1': `select cloud_jobs_finish('holder', '[{"execution_id": "held-1", "outcome": "failure"}]')`,
  'finishing 1 that was finished before': `select cloud_jobs_finish('x', '[{"execution_id": "e-1", "outcome": "success"}]')`,
  'finishing 50': `select cloud_jobs_finish('holder', (select jsonb_agg(jsonb_build_object('execution_id', 'held-' || n, 'outcome', 'success')) from generate_series(1, 50) n))`,
  'finishing 1 with a long history': `select cloud_jobs_finish('holder', '[{"execution_id": "held-old", "outcome": "success"}]')`,
  'finishing 1 and claiming 10': `select cloud_jobs_finish('holder', '[{"execution_id": "held-2", "outcome": "success"}]', '{"limit": 10}')`,
  'freeing the crowded key': `select cloud_jobs_finish('holder', '[{"execution_id": "held-key", "outcome": "success"}]')`,
  'a heartbeat for 50': `select cloud_jobs_renew('holder', (select jsonb_agg(jsonb_build_object('execution_id', 'held-' || n)) from generate_series(1, 50) n))`,
  'ending 50 dead locks': `select cloud_jobs_expire('{dead}', '{custom,maintenance}', 50)`,
  'enqueuing 1': `select cloud_jobs_enqueue('[{"name": "n", "job_type": "custom", "unique_key": "u"}]')`,
  'enqueuing 1 that is there': `select cloud_jobs_enqueue('[{"name": "n", "job_type": "custom", "unique_key": "here"}]')`,
  'enqueuing 100': `select cloud_jobs_enqueue((select jsonb_agg(jsonb_build_object('name', 'n', 'job_type', 'custom')) from generate_series(1, 100)))`,
  'a cancel': `select cloud_jobs_cancel('held-1')`,
  'the newest 50': 'select cloud_jobs_list()',
  'a job with its history': `select cloud_jobs_show('held-old')`,
  'pruning 100 executions': 'select cloud_jobs_prune(1, null, 100)',
  'pruning 100 jobs': 'select cloud_jobs_prune(null, 1, 100)',
};

/** What stays the same whatever the size: jobs that run, locks of the dead, a finished one, a long history. */
const FIXED = `
  select cloud_jobs_set_queue(q, '{"max_running": 100, "rate_limit": 1000, "rate_period_seconds": 60}')
  from unnest('{limited,another}'::text[]) q;
  insert into cloud_jobs (name, job_type, queue) select 'limited', 'custom', 'limited' from generate_series(1, 20);
  insert into cloud_jobs (job_id, name, job_type, queue, status, locked_by, locked_at, lock_expires_at, locked_execution_id, concurrency_key)
  select 'held-' || n, 'held', 'custom', q, 'locked', 'holder', now(), now() + t, 'held-' || n, k
  from (select n::text, 'default' as q, interval '1 h' as t, null as k from generate_series(1, 50) n
    union all values ('old', 'default', interval '1 h', null), ('key', 'default', interval '1 h', 'crowd')
    union all select 'dead-' || n, 'dead', interval '-1 s', null from generate_series(1, 60) n) held (n, q, t, k);
  insert into cloud_job_executions (execution_id, job_id, status, instance_id)
  select locked_execution_id, job_id, 'running', 'holder' from cloud_jobs where status = 'locked';
  insert into cloud_jobs (job_id, name, job_type, unique_key, queue) values ('here', 'here', 'custom', 'here', 'default');
  insert into cloud_job_executions (execution_id, job_id, status, instance_id, started_at, finished_at)
  select 'old-' || n, 'held-old', 'success', 'x', now() - interval '1 h', now() from generate_series(1, 200) n`;

/** A backlog and a history: half due, a fifth of a higher priority but not due, three tenths behind a busy key. */
const load = (waiting: number, finished: number) => `
  insert into cloud_jobs (job_id, name, job_type, priority, run_at, concurrency_key, blocked, unique_key)
  select 'w-${waiting}-' || n, 'w', (array['custom', 'maintenance', 'paper_fetch'])[1 + n % 3],
    case when n % 10 < 5 then n % 3 else -5 end,
    now() + case when n % 10 in (5, 6) then interval '1 d' else make_interval(secs => -n) end,
    case when n % 10 > 6 then 'crowd' end, n % 10 > 6, case when n % 100 = 0 then 'u' || n || '-${waiting}' end
  from generate_series(1, ${waiting}) n;
  insert into cloud_jobs (job_id, name, job_type, status, created_at, finished_at, concurrency_key, unique_key, current_retries)
  select 'f-${finished}-' || n, 'f', 'custom', case when n % 4 = 0 then 'failed' else 'success' end, now() - interval '2 d', now() - interval '2 d',
    case when n % 5 = 0 then 'crowd' end, case when n % 50 = 0 then 'u' end, 3
  from generate_series(1, ${finished}) n;
  insert into cloud_job_executions (execution_id, job_id, status, instance_id, started_at, finished_at)
  select case when n = 1 then 'e-1' else 'e-${finished}-' || n end, 'f-${finished}-' || n, 'success', 'x', now() - interval '2 d', now() - interval '2 d'
  from generate_series(1, ${finished}) n
  on conflict do nothing`;

async function measure(): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [name, text] of Object.entries(CALLS)) {
    await pages(text);
    counts[name] = await pages(text);
  }
  return counts;
}

it('no call costs more at 300,000 jobs than at 1,000', {
  timeout: 180_000,
}, async () => {
  for (let round = 0; round < 6; round += 1) await measure();
  await project.sql(FIXED);
  await project.sql(load(1_000, 2_000));
  const small = await measure();
  await project.sql(load(99_000, 198_000));
  const large = await measure();
  await project.sql('analyze cloud_jobs, cloud_job_executions');
  const analyzed = await measure();

  if (process.env.FLAT_COST_TABLE)
    console.table(
      Object.keys(CALLS).map((name) => ({
        name,
        small: small[name],
        large: large[name],
        analyzed: analyzed[name],
      })),
    );

  const grown = (counts: Record<string, number>) =>
    Object.entries(counts)
      .filter(([name, count]) => count > 3 * (small[name] ?? 0))
      .map(([name, count]) => `${name}: ${small[name]} pages, then ${count}`);
  expect(grown(large), 'with stale statistics').toEqual([]);
  expect(grown(analyzed), 'analyzed').toEqual([]);
  const single = /^(a claim of 1|finishing 1|enqueuing 1|a cancel|a claim where|a claim of the first)( |$)/;
  const dear = (counts: Record<string, number>) =>
    Object.entries(counts).filter(
      ([name, count]) => single.test(name) && !name.includes('claiming') && count > 200,
    );
  expect([...dear(large), ...dear(analyzed)]).toEqual([]);
  // The measure itself sees cost: a scan of the table is thousands of pages.
  expect(await pages(`select count(*) from cloud_jobs where name = 'w'`)).toBeGreaterThan(3_000);
});
