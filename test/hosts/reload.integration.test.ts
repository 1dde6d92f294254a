import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { queueOf, until } from '../sql/support.ts';
import { projectVariables, startCommandLine } from '../support/command-line.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
let folder: string;
beforeAll(async () => {
  project = await startTestProject();
  folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-reload-'));
});
afterAll(async () => {
  await project?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('run --watch runs the new code of a handler that changes', async () => {
  const q = queueOf(project);
  const write = (text: string): void =>
    writeFileSync(join(folder, 'hi.mjs'), `export default () => ${JSON.stringify(text)};`);
  const resultOfNext = async (): Promise<unknown> => {
    const id = await q.addOne({ config: { handler: 'hi' } });
    await until(async () => (await q.job(id)).status === 'success', 'the job to succeed');
    const [row] = await project.sql('select result from cloud_job_executions where job_id = $1', [id]);
    return row?.result;
  };
  write('first');
  const args = ['run', '--watch', '--handlers', folder, '--queues', q.queue];
  const worker = startCommandLine(args, { cwd: folder, env: projectVariables(project) });
  const ended = once(worker, 'exit');
  try {
    expect(await resultOfNext()).toBe('first');
    expect(await resultOfNext()).toBe('first');
    write('second');
    // The folder is looked at once a second.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await resultOfNext()).toBe('second');
  } finally {
    worker.kill('SIGTERM');
  }
  expect(await ended).toEqual([0, null]);
});
