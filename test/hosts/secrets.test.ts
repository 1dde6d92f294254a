import { afterAll, beforeAll, expect, test } from 'vitest';
import { runStep } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** All that one call of the action says: to the log, the summary, the outputs. */
async function said(inputs: Readonly<Record<string, string>>): Promise<string> {
  const { log, summary, outputs } = await runStep(inputs);
  // The runner takes this line out of the log.
  return [log.replace(/^::add-mask::.*\n/gm, ''), summary, ...Object.values(outputs)].join('\n');
}

/** Undoes what the page does to text, so that a hidden secret is not only an escaped one. */
const plain = (text: string): string =>
  text.replaceAll('<wbr>', '').replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));

test('a key that stands in the rows of the database is shown nowhere', async () => {
  const key = project.secretKey;
  // Names and errors are cut on the page: after the key was hidden, or half of it would stay.
  await project.sql(
    `insert into cloud_jobs (job_id, name, job_type, config, description, error_message, status)
     values ('leaky', $1, 'custom', $2, $3, $4, 'failed')`,
    [
      `${'n'.repeat(70)}${key}`,
      JSON.stringify({ handler: 'x', token: key, [key]: 1 }),
      key,
      `${'e'.repeat(110)} ${key}`,
    ],
  );
  for (const inputs of [{ command: 'list' }, { command: 'show', 'job-id': 'leaky' }]) {
    const all = plain(await said({ 'supabase-url': project.url, 'supabase-key': key, ...inputs }));
    expect(all).toContain('leaky');
    expect(all).toContain('***');
    expect(all).not.toContain(key);
    expect(all).not.toContain(key.slice(0, 14));
    expect(all).not.toContain(key.slice(-8));
  }
});

test.each<[string, (key: string) => Record<string, string>]>([
  ['a key that is refused', (key: string) => ({ 'supabase-key': `${key}x` })],
  ['url and key swapped', (key: string) => ({ 'supabase-url': key, 'supabase-key': project.url })],
  ['a key with a line in it', (key: string) => ({ 'supabase-key': `${key} ${key}` })],
  ['the anon key', () => ({ 'supabase-key': project.anonKey })],
])('%s is not repeated in the error', async (_, change) => {
  const inputs = {
    'supabase-url': project.url,
    'supabase-key': project.secretKey,
    ...change(project.secretKey),
  };
  const all = plain(await said({ command: 'stats', ...inputs }));
  expect(all).toContain('::error');
  for (const key of [project.secretKey, project.anonKey]) {
    expect(all).not.toContain(key.slice(0, 20));
    expect(all).not.toContain(key.slice(-8));
  }
});
