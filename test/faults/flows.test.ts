import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { createRandom } from './random.ts';
import { startWire } from './wire.ts';

/**
 * Steps and graphs under workers that are killed at every call and in every step, and a network that loses every other
 * reply. Each step's function runs at least once and never after its result was stored; no job starts before its
 * parents have ended; none is forgotten and none is there twice.
 */
let project: TestProject;
let folder: string;
let ledger: string;
beforeAll(async () => {
  project = await startTestProject();
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-flows-'));
  ledger = join(folder, 'ledger');
  const head = `
    import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
    const ran = (context, name) => appendFileSync(${JSON.stringify(ledger)}, JSON.stringify([context.job.job_id, name, Date.now()]) + '\\n');
    // Kills the worker, which is the parent of this process, the first time that this point is reached.
    const strike = async (point) => {
      const file = ${JSON.stringify(folder)} + '/struck-' + point;
      if (existsSync(file)) return;
      writeFileSync(file, '');
      process.kill(process.ppid, 'SIGKILL');
      await new Promise(() => {});
    };`;
  writeFileSync(
    join(folder, 'twenty.mjs'),
    `${head}
    export default async (config, context) => {
      let sum = 0;
      for (let n = 1; n <= 20; n += 1) {
        sum += await context.step('step ' + n, async () => { ran(context, 'step ' + n); await strike('in-' + n); return n; });
        await strike('after-' + n);
      }
      return sum;
    };`,
  );
  writeFileSync(
    join(folder, 'plan.mjs'),
    `${head}
    export default async (config, context) => {
      await context.step('plan', () => ran(context, 'plan'));
      await context.spawn(
        config.nodes.map((parents, n) => ({ name: 'node ' + n, ref: 'n' + n, handler: 'node', dependsOn: parents.map((p) => 'n' + p), maxRetries: 500 })),
        { then: { name: 'last', handler: 'node', maxRetries: 500 } },
      );
    };`,
  );
  writeFileSync(
    join(folder, 'node.mjs'),
    `${head}
    export default async (config, context) => {
      for (const { status } of Object.values(context.parents)) if (status !== 'success') throw new Error('too early');
      const first = await context.step('first', () => { ran(context, 'first'); return 1; });
      return await context.step('second', () => { ran(context, 'second'); return first + 1; });
    };`,
  );
});
afterAll(async () => {
  await project?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** One worker of the packaged action; killed when it makes the call of this number, which is carried out. */
async function runWorker(killAt: number): Promise<void> {
  let calls = 0;
  const wire = await startWire(Number(new URL(project.url).port), () => {
    calls += 1;
    if (calls === killAt) step.child.kill('SIGKILL');
    return calls % 2 === 0 ? { kind: 'lose' } : undefined;
  });
  const step = startStep({
    'supabase-url': wire.url,
    'supabase-key': project.secretKey,
    handlers: folder,
    concurrency: '4',
  });
  await once(step.child, 'close');
  await step.done;
  await wire.stop();
}

/** The locks of the dead run out, and no retry waits. */
async function pass(): Promise<void> {
  await project.sql(`update cloud_jobs set lock_expires_at = now() - interval '1 s' where status = 'locked'`);
  await project.sql('select release_expired_locks()');
  await project.sql(`update cloud_jobs set run_at = now() where status = 'waiting' and run_at > now()`);
}

async function unfinished(): Promise<number> {
  const [row] = await project.sql<{ n: number }>(
    `select count(*)::integer as n from cloud_jobs where status not in ('success', 'failed')`,
  );
  return row?.n ?? 0;
}

/** Checks what must hold at the end. Returns how many runs of step functions there were. */
async function checkSteps(): Promise<number> {
  const steps = await project.sql<{ job_id: string; name: string; stored: number }>(
    `select job_id, name, extract(epoch from finished_at)::float8 * 1000 as stored from cloud_job_steps`,
  );
  const runs = readFileSync(ledger, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as [job: string, name: string, at: number]);
  const wrong: string[] = [];
  for (const { job_id: job, name, stored } of steps) {
    const own = runs.filter(([of, which]) => of === job && which === name);
    if (own.length === 0) wrong.push(`${name} of ${job} has a result and never ran`);
    if (own.some(([, , at]) => at > stored + 1))
      wrong.push(`${name} of ${job} ran after its result was stored`);
  }
  const known = new Set(steps.map(({ job_id, name }) => `${job_id} ${name}`));
  for (const [job, name] of runs)
    if (!known.has(`${job} ${name}`)) wrong.push(`${name} of ${job} ran and has no result`);
  expect(wrong).toEqual([]);
  return runs.length;
}

it('a job of 20 steps, whose worker is killed in and after each step and at each call', async () => {
  writeFileSync(ledger, '');
  await project.sql(
    `select cloud_jobs_create('twenty', 'custom', '{"handler": "twenty"}', max_retries_param => 500)`,
  );
  let workers = 0;
  while ((await unfinished()) > 0 && workers < 150) {
    workers += 1;
    // Every third dies at a call: the claim, a step or the finish.
    await runWorker(workers % 3 === 0 ? 1 + (workers % 4) : Number.POSITIVE_INFINITY);
    await pass();
  }
  const [done] = await project.sql<{ result: number }>(
    `select result from cloud_job_executions where status = 'success'`,
  );
  expect(done?.result).toBe(210);
  const runs = await checkSteps();
  expect(workers).toBeGreaterThan(40);
  expect(runs).toBeGreaterThanOrEqual(40);
}, 600_000);

it('a graph of 200 jobs with steps, whose workers are killed at each of their calls', async () => {
  writeFileSync(ledger, '');
  await project.sql('truncate cloud_jobs cascade');
  const random = createRandom(20_261_128);
  const nodes = Array.from({ length: 198 }, (_, n) =>
    [...new Set(Array.from({ length: random.between(0, 3) }, () => n - random.between(1, 25)))].filter(
      (p) => p >= 0,
    ),
  );
  await project.sql(`select cloud_jobs_create('plan', 'custom', $1, max_retries_param => 500)`, [
    JSON.stringify({ handler: 'plan', nodes }),
  ]);
  let workers = 0;
  while ((await unfinished()) > 0 && workers < 150) {
    // Two at a time; the first dies at its first call, the next at its second, and so on.
    await Promise.all([runWorker(workers + 1), runWorker(workers + 2)]);
    workers += 2;
    await pass();
  }
  const states = await project.sql(`select status, count(*)::integer as n from cloud_jobs group by 1`);
  expect(states).toEqual([{ status: 'success', n: 200 }]);
  const early = await project.sql(`
    select c.name, p.name as parent from cloud_job_dependencies d
    join cloud_jobs c on c.job_id = d.job_id join cloud_jobs p on p.job_id = d.parent_id
    join cloud_job_executions began on began.job_id = c.job_id
    join cloud_job_executions ended on ended.job_id = p.job_id and ended.status = 'success'
    where began.started_at < ended.finished_at`);
  expect(early).toEqual([]);
  await checkSteps();
  expect(workers).toBeGreaterThan(10);
}, 600_000);
