import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { migrationComments } from '../scripts/sql-reference/comments.ts';
import { CATALOG_SQL, type Catalog, sqlReference } from '../scripts/sql-reference/page.ts';
import { readJobsFile } from '../src/commands/jobs-file.ts';
import { codeBlocks } from './support/code-blocks.ts';
import { installExtensions } from './support/extensions.ts';
import { startTestProject } from './support/stack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const connection = { url: 'http://127.0.0.1:1', key: `sb_secret_${'x'.repeat(20)}`, publishableKey: null };
const jobsOf = (text: string) => readJobsFile(text, 'jobs.yml', connection, (value) => value);

it('docs/threat-model.md and docs/keys.md name tests and files that there are', () => {
  for (const path of ['docs/threat-model.md', 'docs/keys.md']) {
    const text = read(path).replaceAll(/\s+/g, ' ');
    // `file`: the beginning of the name, up to what ends it in a sentence or a table.
    const named = [...text.matchAll(/`(test\/[\w/.-]+)`: ([^;|)]+)/g)];
    for (const [, file = '', name = ''] of named) {
      const source = read(file).replaceAll(/\s+/g, ' ');
      expect(source.includes(name.trim()), `${file}: ${name}`).toBe(true);
    }
    for (const [, file = ''] of text.matchAll(/`((?:sql|\.github|docs)\/[\w/.-]+\.\w+)`/g)) {
      expect(existsSync(join(root, file)), file).toBe(true);
    }
    if (path.includes('threat')) expect(named.length).toBeGreaterThan(15);
  }
});

describe('docs/schedules.md', () => {
  const text = read('docs/schedules.md');

  it('has SQL that runs', async () => {
    const project = await startTestProject();
    try {
      for (const sql of codeBlocks(text, 'sql')) await project.asPostgres(sql);
      expect(await project.sql('select name from cloud_jobs order by name')).toEqual([
        { name: 'Every hour' },
        { name: 'Report of the day' },
      ]);
    } finally {
      await project.stop();
    }
  });

  it('has a jobs file that can be applied', async () => {
    for (const yaml of codeBlocks(text, 'yaml')) {
      expect(await jobsOf(yaml)).toMatchObject([{ unique_key: 'weekday-report', timezone: 'Europe/Berlin' }]);
    }
  });
});

describe('docs/waking.md', () => {
  const text = read('docs/waking.md');

  it('has SQL that runs', async () => {
    const project = await startTestProject();
    try {
      await installExtensions(project);
      await project.asPostgres(read('sql/optional/wake.sql'));
      for (const sql of codeBlocks(text, 'sql')) await project.asPostgres(sql);
      expect(await project.sql('select queue, repository from cloud_jobs_wake.watched')).toEqual([
        { queue: 'default', repository: 'OWNER/REPOSITORY' },
      ]);
    } finally {
      await project.stop();
    }
  });

  it('has workflows that name inputs that exist', () => {
    const [workers, run] = codeBlocks(text, 'yaml').map((yaml) => parse(yaml));
    const declared = parse(read('.github/workflows/workers.yml')).on.workflow_call;
    expect(Object.keys(declared.inputs)).toEqual(
      expect.arrayContaining(Object.keys(workers.jobs.workers.with)),
    );
    expect(Object.keys(declared.secrets)).toEqual(Object.keys(workers.jobs.workers.secrets));
    expect(Object.keys(parse(read('action.yml')).inputs)).toEqual(
      expect.arrayContaining(Object.keys(run.jobs.run.steps[0].with)),
    );
  });
});

describe('examples/schedules', () => {
  it('has a jobs file that can be applied', async () => {
    expect(await jobsOf(read('examples/schedules/jobs.yml'))).toMatchObject([
      { unique_key: 'nightly-cleanup', job_type: 'maintenance' },
      { unique_key: 'weekday-report', missed: 'skip', missed_grace_seconds: 7200 },
    ]);
  });

  it('has a workflow that names inputs and files that exist', () => {
    const workflow = parse(read('examples/schedules/apply-jobs.yml'));
    const inputs = Object.keys(parse(read('action.yml')).inputs);
    const step = workflow.jobs.apply.steps.at(-1);
    expect(Object.keys(step.with).filter((name) => !inputs.includes(name))).toEqual([]);
    expect(step.with.command).toBe('apply');
  });
});

it('docs/sql-reference.md is what the schema and its comments say (npm run build:reference)', async () => {
  const project = await startTestProject();
  try {
    const [row] = await project.sql<{ catalog: Catalog }>(CATALOG_SQL);
    if (!row) throw new Error('No catalog.');
    expect(read('docs/sql-reference.md')).toBe(sqlReference(row.catalog, migrationComments()));
  } finally {
    await project.stop();
  }
});

it.each([
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'docs/handlers.md',
  'docs/keys.md',
  'docs/threat-model.md',
  'docs/schedules.md',
  'docs/waking.md',
])('%s links to files that exist', (path) => {
  const links = [...read(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map((match) => match[1] ?? '');
  expect(links.filter((link) => !existsSync(join(root, dirname(path), link)))).toEqual([]);
});
