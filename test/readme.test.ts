import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { createCustomHandlers } from '../src/handlers/custom/custom-handlers.ts';
import { VERSION } from '../src/version.ts';
import { codeBlocks } from './support/code-blocks.ts';
import { startTestProject } from './support/stack.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = read('README.md');
const blocks = (language: string): string[] => codeBlocks(readme, language);

it('its workflows name inputs that exist', () => {
  const known = Object.keys(parse(read('action.yml')).inputs);
  const yaml = blocks('yaml').map((text) => parse(text));
  const steps = yaml.flatMap((file) => (Array.isArray(file) ? file : file.jobs.run.steps));
  const used = steps
    .filter((step: { uses: string }) => step.uses.includes('cloud-jobs'))
    .flatMap((step: { with: object }) => Object.keys(step.with));
  expect(used.length).toBeGreaterThanOrEqual(2);
  expect(used.filter((name: string) => !known.includes(name))).toEqual([]);
});

it('its SQL runs', async () => {
  const project = await startTestProject();
  try {
    expect(blocks('sql').length).toBeGreaterThan(0);
    for (const text of blocks('sql')) await project.asPostgres(text);
    expect(await project.sql('select name, unique_key from cloud_jobs')).toEqual([
      { name: 'Welcome mail', unique_key: 'welcome-7' },
    ]);
  } finally {
    await project.stop();
  }
});

it('its handler is one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-readme-'));
  const [handler] = blocks('js');
  writeFileSync(join(folder, 'report.mjs'), handler ?? '');
  const custom = createCustomHandlers({
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
