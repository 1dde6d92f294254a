import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks } from '../support/code-blocks.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${root}docs/guides/applications.md`, 'utf8');

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

describe('docs/guides/applications.md', () => {
  it('has a client that adds a job', async () => {
    const client = new URL('../../src/client.ts', import.meta.url).href;
    const code = codeBlocks(page, 'ts')[0]?.replace('cloud-jobs/client', client) ?? '';
    const script = `${code}\nconsole.log(jobId);`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module-typescript', '--disable-warning=ExperimentalWarning', '-e', script],
      {
        cwd: root,
        env: {
          PATH: process.env.PATH,
          SUPABASE_URL: project.url,
          CLOUD_JOBS_ENQUEUE_TOKEN: project.secretKey,
        },
      },
    );
    expect(await project.sql('select job_id, unique_key, config from cloud_jobs')).toEqual([
      { job_id: stdout.trim(), unique_key: 'report-bonn', config: { handler: 'report', city: 'Bonn' } },
    ]);
  });

  it('has SQL that adds a job', async () => {
    for (const sql of codeBlocks(page, 'sql')) await project.asPostgres(sql);
    expect(await project.sql(`select config from cloud_jobs where name = 'Report for Bonn'`)).toEqual([
      { config: { handler: 'report', city: 'Bonn' } },
    ]);
  });
});
