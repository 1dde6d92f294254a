import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { queueOf } from '../sql/support.ts';
import { projectVariables, startCommandLine } from '../support/command-line.ts';
import { until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

let project: TestProject;
let workspace: Workspace;
beforeAll(async () => {
  project = await startTestProject();
  workspace = makeWorkspace({
    'wait.mjs': 'export default ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms));',
  });
});
afterAll(async () => {
  await project?.stop();
  workspace?.remove();
});

/** Starts `run --watch` on a queue with one job that takes a while, and waits until the job runs. */
async function startBusy(ms: number, graceSeconds: number) {
  const q = queueOf(project);
  const id = await q.addOne({ config: { handler: 'wait', ms } });
  const args = ['run', '--watch', '--handlers', workspace.folder, '--queues', q.queue];
  const worker = startCommandLine([...args, '--grace-seconds', String(graceSeconds)], {
    cwd: workspace.folder,
    env: projectVariables(project),
  });
  const ended = once(worker, 'exit');
  await until(async () => (await q.job(id)).status === 'locked', 60);
  return { q, id, worker, ended };
}

describe('run --watch on SIGTERM', { timeout: 120_000 }, () => {
  it('lets jobs end within the grace, and claims no other', async () => {
    const { q, id, worker, ended } = await startBusy(4_000, 600);
    worker.kill('SIGTERM');
    // A worker that still claimed would have found it.
    const next = await q.addOne({ config: { handler: 'wait', ms: 0 } });
    expect(await ended).toEqual([0, null]);
    expect(await q.job(id)).toMatchObject({ status: 'success' });
    expect(await q.job(next)).toMatchObject({ status: 'waiting', current_retries: 0 });
  });

  it('hands back what runs when the grace is nearly over', async () => {
    const { q, id, worker, ended } = await startBusy(600_000, 12);
    worker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0, locked_by: null });
    const [row] = await project.sql('select failure_kind from cloud_job_executions where job_id = $1', [id]);
    expect(row).toEqual({ failure_kind: 'released' });
  });

  it('hands back at once at the second signal', async () => {
    const { q, id, worker, ended } = await startBusy(600_000, 3_600);
    worker.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 200));
    worker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(await q.job(id)).toMatchObject({ status: 'waiting', current_retries: 0 });
  });
});
