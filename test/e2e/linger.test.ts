import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStep, until } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project.stop());

const add = async (name: string): Promise<void> => {
  await project.sql("select cloud_jobs_create($1, 'maintenance')", [name]);
};
const done = (name: string) =>
  until(async () => {
    const [row] = await project.sql('select status from cloud_jobs where name = $1', [name]);
    return row?.status === 'success';
  });

it('lingers: takes jobs that come later, and stops at once on a signal', async () => {
  await add('first');
  const worker = startStep({
    'supabase-url': project.url,
    'supabase-key': project.secretKey,
    'linger-minutes': '5',
  });
  await done('first');
  await add('second');
  await done('second');
  expect(worker.child.exitCode).toBeNull();
  const { outputs, seconds } = await worker.cancel();
  expect(outputs).toMatchObject({ claimed: '2', succeeded: '2' });
  expect(seconds).toBeLessThan(60);
});

it('ends with the empty queue without it, and with the time with it', async () => {
  const calls = async (inputs: Record<string, string>) =>
    (await startStep({ 'supabase-url': project.url, 'supabase-key': project.secretKey, ...inputs }).done).log;
  expect(await calls({})).toContain('(1 requests)');
  // 3 s: asked at the start and after 2 s. 12 s: after 5 and 9.5 s too, for each pause is longer than the one before.
  const [short, long] = await Promise.all([
    calls({ 'linger-minutes': '0.05' }),
    calls({ 'linger-minutes': '0.2' }),
  ]);
  expect(short).toContain('(2 requests)');
  expect(long).toContain('(4 requests)');
});
