import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';

/**
 * The functions that every call runs keep one plan for the life of a connection. Each must have the same plan whether
 * it is made while the tables are empty or when they are large, or the connections of the Data API would keep a bad one.
 */
let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

const HOT = [
  'cloud_jobs_claim',
  'cloud_jobs_due',
  'cloud_jobs_end_attempts',
  'cloud_jobs_end_successes',
  'cloud_jobs_enqueue',
  'cloud_jobs_expire',
  'cloud_jobs_finish',
  'cloud_jobs_pick',
  'cloud_jobs_skip_missed',
];

/** What workers and applications ask for: what is new, and what is there already. */
const CALLS = [
  `select cloud_jobs_enqueue('[{"name": "n", "job_type": "custom", "unique_key": "u"}, {"name": "m", "job_type": "custom"}]')`,
  `select cloud_jobs_enqueue('[{"name": "n", "job_type": "custom", "unique_key": "u"}, {"name": "m", "job_type": "custom"}]')`,
  `select cloud_jobs_claim('w', 3, request_id_param => 'b7f0f6a5-7a5e-4ad3-8c52-000000000000')`,
  `select cloud_jobs_finish('w', (select jsonb_agg(jsonb_build_object('execution_id', locked_execution_id, 'outcome', 'success'))
    from cloud_jobs where locked_by = 'w'), '{"limit": 2}')`,
  `select cloud_jobs_enqueue('[{"name": "n", "job_type": "custom"}, {"name": "m", "job_type": "custom"}]')`,
  `select cloud_jobs_claim('v', 2)`,
  `select cloud_jobs_finish('v', (select jsonb_agg(jsonb_build_object('execution_id', locked_execution_id, 'outcome', 'failure'))
    from cloud_jobs where locked_by = 'v'))`,
];

/** How a connection that is new reads each table, statement by statement. */
async function plans(): Promise<string[]> {
  const db = new pg.Client({ connectionString: project.adminUrl });
  await db.connect();
  const texts: string[] = [];
  try {
    await db.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_format = json;
      set auto_explain.log_nested_statements = on; set client_min_messages = log`);
    db.on('notice', ({ message }) => {
      if (message?.includes('plan:')) texts.push(message.slice(message.indexOf('{')));
    });
    await db.query('begin');
    for (const call of CALLS) await db.query(call);
    await db.query('rollback');
  } finally {
    await db.end();
  }
  return texts.flatMap((text) => {
    const { 'Query Text': query, Plan: plan } = JSON.parse(text) as { 'Query Text': string; Plan: Node };
    // What the test itself asks.
    if (query.startsWith('select cloud_jobs_')) return [];
    const first = query.replace(/\s+/g, ' ').slice(0, 60);
    return reads(plan).map((read) => `${first} ... ${read}`);
  });
}

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly Node[];
}

/** Every scan of a table below a node. */
function reads(node: Node): string[] {
  const below = (node.Plans ?? []).flatMap(reads);
  // The workers that were seen are 300 rows at most.
  const table =
    node['Relation Name'] !== 'cloud_job_workers' && (node['Relation Name'] ?? node['Index Name']);
  const scans = table && node['Node Type'].includes('Scan');
  return scans
    ? [
        `${node['Node Type']} of ${node['Relation Name'] ?? ''} by ${node['Index Name'] ?? 'no index'}`,
        ...below,
      ]
    : below;
}

const add = (count: number, prefix: string): string => `
  insert into cloud_jobs (job_id, name, job_type, missed, schedule, run_at)
  select '${prefix}' || n, 'n', 'custom', 'once', null, now() - interval '1 min' from generate_series(1, ${count}) n`;

describe('plans that are kept', () => {
  it('are the same for empty and large tables, and read only an index', async () => {
    await project.sql('alter table cloud_jobs set (autovacuum_enabled = off)');
    await project.sql('alter table cloud_job_executions set (autovacuum_enabled = off)');
    await project.sql(add(5, 'few-'));
    const empty = await plans();
    await project.sql(add(30_000, 'many-'));
    await project.sql(`
      insert into cloud_jobs (job_id, name, job_type, status, finished_at)
      select 'done-' || n, 'n', 'custom', 'success', now() from generate_series(1, 30000) n;
      insert into cloud_job_executions (execution_id, job_id, status, finished_at)
      select 'e-' || n, 'done-' || n, 'success', now() from generate_series(1, 30000) n;
      analyze cloud_jobs; analyze cloud_job_executions`);
    const large = await plans();
    expect(empty.length).toBeGreaterThan(10);
    expect(large).toEqual(empty);
    expect(empty.filter((read) => !/ ... Index (Only )?Scan of /.test(read))).toEqual([]);
    // A state is no reason to read an index that holds all rows of that state.
    const byKey = empty.filter((read) =>
      /\.\.\. .* by (cloud_jobs_pkey|cloud_job_executions_pkey)$/.test(read),
    );
    expect(byKey.length).toBeGreaterThan(4);
  });

  it.each(HOT)('%s keeps its plan, with jit off', async (name) => {
    const [row] = await project.sql<{ settings: string[] }>(
      "select proconfig as settings from pg_proc where pronamespace = 'public'::regnamespace and proname = $1",
      [name],
    );
    expect(row?.settings).toEqual(expect.arrayContaining(['plan_cache_mode=force_generic_plan', 'jit=off']));
  });
});
