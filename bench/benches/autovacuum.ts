import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Bench } from '../lib/bench.ts';
import type { Row } from '../lib/result.ts';
import type { BenchStack } from '../lib/stack.ts';
import { median } from '../lib/stats.ts';
import { type TableSizes, tableSizes } from '../lib/table-sizes.ts';

/**
 * Autovacuum's visits are this often here, where Postgres and hosted Supabase have 60 s: a minute of this bench, at
 * twelve times the rate, stands for twelve.
 */
const VISITS_SECONDS = 5;
/** Of 100 jobs each, a second: 2,000 jobs/s here, as 170 jobs/s on a hosted project. */
const BATCHES_PER_SECOND = 20;

/** What is set on both tables; null is what sql/install.sql sets. */
const SETTINGS: Readonly<Record<string, string | null>> = {
  'of install.sql (2 % of the rows)': null,
  "Postgres's own (20 % of the rows)":
    'autovacuum_vacuum_scale_factor = 0.2, autovacuum_vacuum_threshold = 50, autovacuum_vacuum_insert_scale_factor = 0.2',
  'any 1,000 rows': 'autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000',
  'of install.sql, ten times the cost limit': 'autovacuum_vacuum_cost_limit = 2000',
};

export const autovacuum: Bench = {
  title:
    'a steady 2,000 jobs/s beside a history, with other settings of autovacuum, whose visits come every 5 s',
  async measure({ stack, short, log }) {
    const [history, seconds, tried] = short ? [20_000, 6, 2] : [300_000, 30, 4];
    const rows: Row[] = [];
    const claims: number[] = [];
    await stack.sql(`alter system set autovacuum_naptime = '${VISITS_SECONDS}s'`);
    await stack.sql('select pg_reload_conf()');
    try {
      for (const [name, settings] of Object.entries(SETTINGS).slice(0, tried)) {
        log(name);
        await stack.reset();
        await keepHistory(stack, history);
        const before = await settingsOf(stack);
        try {
          if (settings) {
            for (const table of TABLES) await stack.sql(`alter table ${table} set (${settings})`);
          }
          const { claimMs, sizes } = await work(stack, seconds);
          // What comes before the first visit says nothing of the settings.
          const settled = <T>(values: readonly T[]): T[] => values.slice(Math.floor(values.length / 4));
          rows.push(
            { label: `claim of 1 in SQL, ${name}`, unit: 'ms', values: settled(claimMs) },
            { label: `dead rows, ${name}`, unit: 'rows', values: settled(sizes.map(({ dead }) => dead)) },
            {
              label: `tables and indexes at the end, ${name}`,
              unit: 'MiB',
              values: sizes.slice(-1).map(({ tables, indexes }) => tables + indexes),
            },
          );
          claims.push(median(settled(claimMs)));
        } finally {
          for (const table of TABLES) {
            await stack.sql(`alter table ${table} reset (${NAMES.join(', ')})`);
            if (before[table]) await stack.sql(`alter table ${table} set (${before[table]})`);
          }
        }
      }
    } finally {
      await stack.sql('alter system reset autovacuum_naptime');
      await stack.sql('select pg_reload_conf()');
      await stack.reset();
    }
    return {
      rows,
      goals: [
        {
          text: 'claim of 1 with the settings of install.sql, to the best of these',
          value: (claims[0] ?? Number.NaN) / Math.min(...claims),
          limit: 1.3,
          sense: 'at most',
        },
      ],
      notes: [`Beside ${history.toLocaleString('en-US')} finished jobs, for ${seconds} s each.`],
    };
  },
};

const TABLES = ['public.cloud_jobs', 'public.cloud_job_executions'] as const;
const NAMES = [
  'autovacuum_vacuum_scale_factor',
  'autovacuum_vacuum_threshold',
  'autovacuum_vacuum_insert_scale_factor',
  'autovacuum_vacuum_cost_limit',
  'autovacuum_analyze_scale_factor',
];

/** The settings of each table, as `alter table ... set` takes them. */
async function settingsOf(stack: BenchStack): Promise<Record<string, string>> {
  const found = await stack.sql(
    `select oid::regclass::text as name, array_to_string(reloptions, ', ') as options from pg_class
     where oid = any ($1::regclass[])`,
    [[...TABLES]],
  );
  return Object.fromEntries(
    found.map(({ name, options }) => [
      `public.${String(name).replace('public.', '')}`,
      String(options ?? ''),
    ]),
  );
}

async function keepHistory(stack: BenchStack, count: number): Promise<void> {
  await stack.sql(
    `insert into public.cloud_jobs (job_id, name, job_type, status, created_at, finished_at)
     select 'f-' || n, 'f', 'custom', 'success', now() - interval '2 days', now() - interval '2 days'
     from generate_series(1, $1::integer) as n`,
    [count],
  );
  // Or the check of the foreign key reads the whole table for each row, by the plan that fits an empty one.
  await stack.sql('analyze public.cloud_jobs');
  await stack.sql(
    `insert into public.cloud_job_executions (execution_id, job_id, status, instance_id, started_at, finished_at)
     select 'f-' || n, 'f-' || n, 'success', 'x', now() - interval '2 days', now() - interval '2 days'
     from generate_series(1, $1::integer) as n`,
    [count],
  );
  await stack.sql('vacuum analyze public.cloud_jobs, public.cloud_job_executions');
}

/** Adds, claims and finishes jobs at a steady rate, and claims one more now and then, which is undone. */
async function work(stack: BenchStack, seconds: number): Promise<{ claimMs: number[]; sizes: TableSizes[] }> {
  const client = new pg.Client({ connectionString: stack.project.adminUrl });
  await client.connect();
  const claimMs: number[] = [];
  const sizes: TableSizes[] = [];
  try {
    await client.query('set role service_role');
    const began = performance.now();
    for (let batch = 0; batch < seconds * BATCHES_PER_SECOND; batch++) {
      const due = began + (batch * 1000) / BATCHES_PER_SECOND;
      if (due > performance.now()) await delay(due - performance.now());
      await client.query(
        `select public.cloud_jobs_enqueue(jsonb_agg(jsonb_build_object('name', 'No ' || n, 'job_type', 'custom')))
         from generate_series(1, 100) as n`,
      );
      if (batch % 10 === 0) {
        await client.query('begin');
        const started = performance.now();
        await client.query("select public.cloud_jobs_claim('latency', 1)");
        claimMs.push(performance.now() - started);
        await client.query('rollback');
        sizes.push(await tableSizes(stack));
      }
      await client.query(
        `select public.cloud_jobs_finish('steady', (
           select jsonb_agg(jsonb_build_object('execution_id', job->>'execution_id', 'outcome', 'success'))
           from json_array_elements(public.cloud_jobs_claim('steady', 100)->'jobs') as job))`,
      );
    }
  } finally {
    await client.end();
  }
  return { claimMs, sizes };
}
