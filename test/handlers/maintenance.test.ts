import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project.stop());

const step = (inputs: Record<string, string>) =>
  runStep({ 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs });

/** Runs one maintenance job through the packaged action and returns its execution. */
async function maintain(config: unknown) {
  const queue = `q-${randomUUID().slice(0, 8)}`;
  const created = await step({
    command: 'create',
    name: 'm',
    'job-type': 'maintenance',
    queue,
    config: JSON.stringify(config),
  });
  expect(created.code).toBe(0);
  const run = await step({ queues: queue });
  const [row] = await project.sql(
    'select e.* from cloud_job_executions e join cloud_jobs j using (job_id) where j.queue = $1',
    [queue],
  );
  if (!row) throw new Error(`no execution was recorded:\n${run.log}`);
  return { run, row };
}

const HISTORY = 60_000;

describe('maintenance through the packaged action', () => {
  it('removes old history in batches, but no running or recurring jobs', async () => {
    await project.sql(
      `insert into cloud_jobs (job_id, name, job_type, status, finished_at, created_at)
       select 'old-' || n, 'old', 'custom', 'success', now() - interval '40 days', now() - interval '40 days'
       from generate_series(1, $1::integer) n`,
      [HISTORY],
    );
    await project.sql(
      `insert into cloud_job_executions (execution_id, job_id, status, started_at, finished_at)
       select 'e-' || job_id, job_id, 'success', now() - interval '40 days', now() - interval '40 days' from cloud_jobs`,
    );
    await project.asPostgres(`
      insert into cloud_jobs (job_id, name, job_type, status, created_at, locked_by, lock_expires_at, locked_execution_id)
      values ('running', 'r', 'custom', 'locked', now() - interval '40 days', 'w', now() + interval '1 day', 'e-running');
      insert into cloud_job_executions (execution_id, job_id, status, started_at, instance_id)
      values ('e-running', 'running', 'running', now() - interval '40 days', 'w');
      insert into cloud_jobs (job_id, name, job_type, status, finished_at) values ('young', 'y', 'custom', 'success', now() - interval '1 day');
      insert into cloud_job_executions (execution_id, job_id, status, started_at, finished_at)
      values ('e-young', 'young', 'success', now() - interval '1 day', now() - interval '1 day');
      insert into cloud_jobs (job_id, name, job_type, schedule) values ('recurs', 'c', 'custom', '@yearly');
      analyze cloud_jobs; analyze cloud_job_executions`);
    const { run, row } = await maintain({
      cleanup_days: '30',
      cleanup_jobs_days: '30',
      reindex_advice: 'true',
    });
    expect(run.code).toBe(0);
    expect(row).toMatchObject({
      status: 'success',
      result: { released_locks: 0, deleted_executions: HISTORY, deleted_jobs: HISTORY },
    });
    const left = await project.sql("select job_id from cloud_jobs where queue = 'default' order by 1");
    expect(left.map((job) => job.job_id)).toEqual(['recurs', 'running', 'young']);
    expect(
      await project.sql("select status from cloud_job_executions where execution_id = 'e-running'"),
    ).toEqual([{ status: 'running' }]);
  });

  it('reports bloat with the statement that ends it, and changes nothing', async () => {
    const sizes = () =>
      project.sql(
        "select relname, pg_relation_size(oid)::integer as bytes from pg_class where relname like 'cloud_job%' and relkind = 'i' and relname <> 'cloud_jobs_schema_pkey' order by 1",
      );
    await project.sql('vacuum (analyze) cloud_job_executions');
    // The job itself writes a few rows: indexes may grow by a page, and must not shrink.
    const before = await sizes();
    const { row } = await maintain({ cleanup_executions: false, release_locks: false, reindex_advice: true });
    const { reindex_advice: relations, relations_measured: measured } = row.result as {
      reindex_advice: {
        name: string;
        kind: string;
        bytes: number;
        rows: number;
        expected_bytes: number;
        advice: string | null;
      }[];
      relations_measured: number;
    };
    expect(measured).toBe(relations.length);
    for (const name of ['cloud_jobs', 'cloud_job_executions', 'papers', 'cloud_jobs_claim', 'papers_pkey']) {
      expect(relations.map((relation) => relation.name)).toContain(name);
    }
    const worst = relations.find((relation) => relation.name === 'cloud_job_executions_pkey');
    expect(worst?.bytes).toBeGreaterThan((worst?.expected_bytes ?? 0) * 2);
    for (const relation of relations) {
      const wasteful =
        relation.kind === 'index' &&
        relation.bytes > 8 * 1024 * 1024 &&
        relation.bytes > 2 * relation.expected_bytes;
      if (relation.kind === 'index') {
        expect(relation.advice).toBe(wasteful ? `reindex index concurrently public.${relation.name};` : null);
      }
    }
    const after = await sizes();
    for (const [index, { bytes }] of before.entries()) {
      expect(Number(after[index]?.bytes)).toBeGreaterThanOrEqual(Number(bytes));
    }
  });

  it('fails the job and names the part that failed', async () => {
    await project.sql('alter function cloud_jobs_bloat() rename to cloud_jobs_bloat_away');
    await project.sql("notify pgrst, 'reload schema'");
    try {
      const { row } = await maintain({ reindex_advice: true, cleanup_executions: false });
      expect(row).toMatchObject({
        status: 'failed',
        error_message: expect.stringContaining('relations_measured failed after 0.'),
      });
    } finally {
      await project.sql('alter function cloud_jobs_bloat_away() rename to cloud_jobs_bloat');
    }
  });

  it('refuses a config with an unknown key before anything is written', async () => {
    const refused = await step({
      command: 'create',
      name: 'm',
      'job-type': 'maintenance',
      config: '{"cleanup": 1}',
    });
    expect(refused.code).toBe(1);
    expect(refused.log).toContain('reindex_advice');
  });
});
