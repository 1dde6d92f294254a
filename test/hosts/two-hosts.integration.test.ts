import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { queueOf } from '../sql/support.ts';
import { projectVariables, startCommandLine } from '../support/command-line.ts';
import { startStep, until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

let project: TestProject;
let workspace: Workspace;
beforeAll(async () => {
  project = await startTestProject();
  workspace = makeWorkspace({
    // The gate opens when both hosts run a job, so that neither drains the queue before the other has started.
    'gate.mjs': `import { existsSync } from 'node:fs';
      import { setTimeout } from 'node:timers/promises';
      export default async () => { while (!existsSync(new URL('open', import.meta.url))) await setTimeout(50); };`,
    'note.mjs': `import { appendFileSync } from 'node:fs';
      export default (config, { job }) => appendFileSync(new URL('notes', import.meta.url), job.job_id + '\\n');`,
  });
});
afterAll(async () => {
  await project?.stop();
  workspace?.remove();
});

it('a watching worker and an action run share a queue without repetition', {
  timeout: 240_000,
}, async () => {
  const q = queueOf(project);
  await q.add(...Array.from({ length: 2 }, () => ({ config: { handler: 'gate' }, priority: 1 })));
  const args = ['run', '--watch', '--handlers', workspace.folder, '--queues', q.queue, '--concurrency', '1'];
  const watching = startCommandLine(args, { cwd: workspace.folder, env: projectVariables(project) });
  const ended = once(watching, 'exit');
  const action = startStep({
    'supabase-url': project.url,
    'supabase-key': project.secretKey,
    queues: q.queue,
    concurrency: '1',
    // The first host may hold both gates until it hands back the one that waits.
    'linger-minutes': '1',
    handlers: workspace.folder,
  });
  try {
    await until(async () => (await hostsThatRun(q.queue)) === 2, 90);
    const ids = await q.add(...Array.from({ length: 60 }, () => ({ config: { handler: 'note' } })));
    workspace.write('open', 'yes');
    await until(async () => (await unfinished(q.queue)) === 0, 90);
    expect(workspace.read('notes')?.split('\n').sort()).toEqual([...ids].sort());
  } finally {
    watching.kill('SIGTERM');
    await action.cancel();
  }
  expect(await ended).toEqual([0, null]);
  const attempts = await project.sql(
    `select instance_id, count(*)::int, count(distinct job_id)::int as jobs from cloud_job_executions
     where status = 'success' group by 1`,
  );
  expect(attempts).toHaveLength(2);
  expect(attempts.reduce((sum, { jobs }) => sum + Number(jobs), 0)).toBe(62);
  expect(attempts.every(({ count, jobs }) => count === jobs)).toBe(true);
});

const hostsThatRun = async (queue: string): Promise<number> => {
  const [row] = await project.sql<{ n: number }>(
    `select count(distinct locked_by)::int as n from cloud_jobs where queue = $1 and status = 'locked'`,
    [queue],
  );
  return row?.n ?? 0;
};

const unfinished = async (queue: string): Promise<number> => {
  const [row] = await project.sql<{ n: number }>(
    `select count(*)::int as n from cloud_jobs where queue = $1 and status <> 'success'`,
    [queue],
  );
  return row?.n ?? 0;
};
