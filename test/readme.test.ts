import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readJobsFile } from '../src/commands/jobs-file.ts';
import { CustomHandlers } from '../src/handlers/custom/custom-handlers.ts';
import { VERSION } from '../src/version.ts';
import { codeBlocks } from './support/code-blocks.ts';
import { ROOT } from './support/repository.ts';
import { startTestProject } from './support/stack.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = read('README.md');
const blocks = (language: string): string[] => codeBlocks(readme, language);

it('its workflow names inputs that exist', () => {
  const known = Object.keys(parse(read('action.yml')).inputs);
  const [workflow] = blocks('yaml').map((text) => parse(text));
  const used = workflow.jobs.run.steps
    .filter((step: { uses: string }) => step.uses.includes('cloud-jobs'))
    .flatMap((step: { with: object }) => Object.keys(step.with));
  expect(used.length).toBeGreaterThanOrEqual(2);
  expect(used.filter((name: string) => !known.includes(name))).toEqual([]);
});

it('its jobs file can be applied', () => {
  const { jobs, problems } = readJobsFile(Buffer.from(blocks('yaml')[1] ?? ''), 'jobs.yml', (value) => value);
  expect(problems).toEqual([]);
  expect(jobs.map(({ job }) => job)).toMatchObject([
    { unique_key: 'weekday-report', schedule: '30 6 * * mon-fri', timezone: 'Europe/Berlin' },
  ]);
});

it('its SQL and its TypeScript add the same job', async () => {
  const project = await startTestProject();
  const jobs = () => project.sql('select unique_key, config from cloud_jobs');
  const expected = [{ unique_key: 'welcome-7', config: { handler: 'welcome', user: 7 } }];
  try {
    const [sql = ''] = blocks('sql');
    await project.asPostgres(sql);
    expect(await jobs()).toEqual(expected);

    await project.sql('truncate cloud_jobs cascade');
    const client = new URL('../src/client.ts', import.meta.url).href;
    const code = blocks('ts')[0]?.replace('cloud-jobs/client', client) ?? '';
    const env = {
      PATH: process.env.PATH,
      SUPABASE_URL: project.url,
      SUPABASE_SECRET_KEY: project.secretKey,
    };
    const flags = ['--input-type=module-typescript', '--disable-warning=ExperimentalWarning', '-e'];
    await promisify(execFile)(process.execPath, [...flags, code], { cwd: ROOT, env });
    expect(await jobs()).toEqual(expected);
  } finally {
    await project.stop();
  }
});

it('its handler is one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-readme-'));
  const [handler] = blocks('js');
  writeFileSync(join(folder, 'report.mjs'), handler ?? '');
  const custom = new CustomHandlers({
    folder,
    hostScript: fileURLToPath(new URL('../src/handlers/custom/host.ts', import.meta.url)),
    env: process.env,
    scratchDir: join(folder, 'scratch'),
  });
  try {
    await custom.validate({ handler: 'report' });
    await expect(custom.validate({ handler: 'reprot' })).rejects.toThrow(/report/);
  } finally {
    await custom.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

it('its commands are scripts, and the version is one', () => {
  const { scripts, version } = JSON.parse(read('package.json'));
  for (const [, name] of readme.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(name);
  expect(VERSION).toBe(version);
});

it('is short enough to be read', () => {
  expect(readme.split(/\s+/).length).toBeLessThanOrEqual(1_200);
});
