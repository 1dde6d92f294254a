import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readJobsFile } from '../src/commands/jobs-file.ts';
import { parsePaperFetchConfig } from '../src/handlers/paper-fetch/config.ts';
import { jobFilter, queueChanges } from '../src/queue/filter.ts';
import { codeBlocks } from './support/code-blocks.ts';
import { installExtensions } from './support/extensions.ts';
import { sourceComments } from './support/sql-reference/comments.ts';
import { CATALOG_SQL, type Catalog, sqlReference } from './support/sql-reference/page.ts';
import { startTestProject } from './support/stack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const jobsOf = (text: string) => {
  const { jobs, problems } = readJobsFile(Buffer.from(text), 'jobs.yml', (value) => value);
  expect(problems).toEqual([]);
  return jobs.map(({ job }) => job);
};

it('pages about security and reliability name tests and files that exist', () => {
  for (const path of [
    'docs/threat-model.md',
    'docs/threat-model-outside.md',
    'docs/reliability.md',
    'docs/testing-faults.md',
    'docs/guides/keys.md',
  ]) {
    const text = read(path).replaceAll(/\s+/g, ' ');
    // `file`: the beginning of the name, up to what ends it in a sentence or a table.
    const named = [...text.matchAll(/`((?:dashboard\/)?test\/[\w/.-]+)`: ([^;|)]+)/g)];
    for (const [, file = '', name = ''] of named) {
      const source = read(file).replaceAll(/\s+/g, ' ');
      expect(source.includes(name.trim()), `${file}: ${name}`).toBe(true);
    }
    for (const [, file = ''] of text.matchAll(/`((?:sql|\.github|docs|scripts|test)\/[\w/.-]+)`/g)) {
      expect(existsSync(join(root, file)), file).toBe(true);
    }
    if (path.includes('threat')) expect(named.length).toBeGreaterThan(8);
  }
});

describe('docs/guides/schedules.md', () => {
  const text = read('docs/guides/schedules.md');

  it('has SQL that runs', async () => {
    const project = await startTestProject();
    try {
      for (const sql of codeBlocks(text, 'sql')) await project.asPostgres(sql);
      expect(await project.sql('select name from cloud_jobs order by name')).toEqual([
        { name: 'Daily report' },
        { name: 'Every hour' },
      ]);
    } finally {
      await project.stop();
    }
  });

  it('has jobs files that can be applied', () => {
    expect(codeBlocks(text, 'yaml').map(jobsOf)).toMatchObject([
      [{ unique_key: 'weekday-report', timezone: 'Europe/Berlin' }],
      [{ unique_key: 'fetch' }, { name: 'merge' }, { name: 'publish' }],
    ]);
  });
});

describe('docs/guides/queues.md and bulk-actions.md', () => {
  const text = read('docs/guides/bulk-actions.md');

  it('have SQL that runs', async () => {
    const project = await startTestProject();
    try {
      for (const page of [read('docs/guides/queues.md'), text])
        for (const sql of codeBlocks(page, 'sql')) await project.asPostgres(sql);
      expect(
        await project.sql(
          'select queue, paused, max_running, rate_limit, default_timeout_seconds from cloud_jobs_queues',
        ),
      ).toEqual([
        { queue: 'reports', paused: false, max_running: 5, rate_limit: 100, default_timeout_seconds: 900 },
      ]);
      expect(await project.sql('select name, status, queue from cloud_jobs')).toEqual([
        { name: 'Sales of May', status: 'failed', queue: 'reports' },
      ]);
    } finally {
      await project.stop();
    }
  });

  it('name every field of a filter', () => {
    const list = /A filter has any of these fields[\s\S]*?(?:\n\n|$)/.exec(text)?.[0] ?? '';
    for (const field of Object.keys(jobFilter.shape)) expect(list).toContain(`\`${field}\``);
  });

  it('name every setting of a queue', () => {
    const page = read('docs/guides/queues.md');
    for (const name of Object.keys(queueChanges.shape)) expect(page).toContain(`\`${name}\``);
  });
});

describe('docs/guides/waking.md', () => {
  const text = read('docs/guides/waking.md');

  it('has SQL that runs', async () => {
    const project = await startTestProject();
    try {
      await installExtensions(project);
      await project.asPostgres(read('sql/optional/wake.sql'));
      for (const sql of codeBlocks(text, 'sql')) await project.asPostgres(sql);
      expect(await project.sql('select queue, target from cloud_jobs_wake.watched order by queue')).toEqual([
        { queue: 'default', target: 'OWNER/REPOSITORY' },
        { queue: 'urgent', target: 'https://worker.example.com/' },
      ]);
    } finally {
      await project.stop();
    }
  });
});

it('docs/reference/outputs.md lists the outputs of action.yml, in their order', () => {
  const listed = [...read('docs/reference/outputs.md').matchAll(/^\| `([\w-]+)` \| .+ \| .+ \|$/gm)];
  expect(listed.map(([, name]) => name)).toEqual(Object.keys(parse(read('action.yml')).outputs));
});

it('docs/guides/papers.md names every key of the config', async () => {
  const table = read('docs/guides/papers.md').matchAll(/^\| `(\w+)` \|/gm);
  const parsed = parsePaperFetchConfig({ nothing: true });
  const known = parsed.ok ? '' : (/known are: ([^)]*)/.exec(parsed.message)?.[1] ?? '');
  expect([...table].map(([, key]) => key)).toEqual(known.split(', '));
});

describe('docs/guides/workers.md', () => {
  const text = read('docs/guides/workers.md');

  it('has workflows that name inputs that exist', () => {
    const [workers, group, run] = codeBlocks(text, 'yaml').map((yaml) => parse(yaml));
    expect(group.concurrency['cancel-in-progress']).toBe(false);
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

describe('docs/guides/restoring.md', () => {
  it('has SQL that runs', async () => {
    const project = await startTestProject();
    try {
      await installExtensions(project);
      await project.asPostgres(read('sql/optional/wake.sql'));
      for (const sql of codeBlocks(read('docs/guides/restoring.md'), 'sql')) await project.asPostgres(sql);
    } finally {
      await project.stop();
    }
  });
});

describe('docs/guides/unique-keys.md', () => {
  it('has a recipe that keeps a change which comes while the job runs', async () => {
    const project = await startTestProject();
    const jobs = () =>
      project.sql('select status, unique_key from cloud_jobs order by created_at, unique_key');
    try {
      const [both, trigger] = codeBlocks(read('docs/guides/unique-keys.md'), 'sql');
      await project.asPostgres(both ?? '');
      await project.asPostgres(both ?? '');
      expect(await jobs()).toEqual([
        { status: 'waiting', unique_key: 'customer-42' },
        { status: 'waiting', unique_key: 'document-7' },
      ]);
      await project.sql(`select cloud_jobs_claim('worker', 2)`);
      await project.asPostgres(both ?? '');
      expect(await jobs()).toEqual([
        { status: 'locked', unique_key: 'customer-42' },
        { status: 'waiting', unique_key: 'document-7' },
        { status: 'waiting', unique_key: 'customer-42' },
      ]);

      await project.sql('truncate cloud_jobs cascade');
      await project.asPostgres(trigger ?? '');
      await project.asPostgres(
        `insert into customers (id, name) values (1, 'a'); update customers set name = 'b'`,
      );
      expect(await jobs()).toEqual([{ status: 'waiting', unique_key: 'customer-1' }]);
      await project.sql(`select cloud_jobs_claim('worker', 1)`);
      await project.asPostgres(`update customers set name = 'c'`);
      expect(await jobs()).toHaveLength(2);
    } finally {
      await project.stop();
    }
  });
});

describe('examples/schedules', () => {
  it('has a jobs file that can be applied', async () => {
    expect(jobsOf(read('examples/schedules/jobs.yml'))).toMatchObject([
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

it('docs/reference/sql.md is what the schema and its comments say (npm run build:reference)', async () => {
  const project = await startTestProject();
  try {
    const [row] = await project.sql<{ catalog: Catalog }>(CATALOG_SQL);
    if (!row) throw new Error('No catalog.');
    expect(read('docs/reference/sql.md')).toBe(sqlReference(row.catalog, sourceComments()));
  } finally {
    await project.stop();
  }
});

it.each(['docs/getting-started.md', 'docs/guides/operations.md', 'docs/guides/papers.md'])(
  '%s has SQL that runs',
  async (path) => {
    const project = await startTestProject();
    try {
      const blocks = codeBlocks(read(path), 'sql');
      expect(blocks.length).toBeGreaterThan(1);
      for (const sql of blocks) await project.asPostgres(sql);
      expect(await project.sql('select name from cloud_jobs')).toHaveLength(1);
    } finally {
      await project.stop();
    }
  },
);

it('docs/getting-started.md has the handler of docs/guides/handlers.md, and commands that are there', () => {
  const text = read('docs/getting-started.md');
  const [handler] = codeBlocks(text, 'js');
  expect(
    codeBlocks(read('docs/guides/handlers.md'), 'js').map((code) => code.replace(/^\/\/.*\n/, '')),
  ).toContain(handler);
  const { scripts } = JSON.parse(read('package.json'));
  const named = [...text.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? '');
  expect(named).toContain('cloud-jobs');
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});

it('docs/faq.md explains messages that the code has', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(`src/${name}`))
    .join('\n');
  const messages = [...read('docs/faq.md').matchAll(/^\| `(.+?)` \|/gm)].map(([, message = '']) => message);
  expect(messages.length).toBeGreaterThan(5);
  const parts = messages.flatMap((message) => message.split('...').map((part) => part.trim()));
  // The names of secrets are those of the workflow.
  const unknown = parts.filter((part) => !sources.includes(part.replace(/^The secret \S+ /, '')));
  expect(unknown).toEqual([]);
});

it('docs/guides/operations.md removes everything that install.sql made', async () => {
  const project = await startTestProject();
  try {
    const [text = ''] = codeBlocks(read('docs/guides/operations.md'), 'text');
    await project.asPostgres(text);
    const left = await project.sql(
      `select proname as name from pg_proc where pronamespace = 'public'::regnamespace
       union all select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')`,
    );
    expect(left).toEqual([]);
  } finally {
    await project.stop();
  }
});

it.each([
  ['docs/guides/workers.md', 'part of the runner since version 2.327.1'],
  ['docs/guides/workers.md', "``version `GLIBC_2.28' not found``"],
  ['docs/guides/workers.md', '## One concurrency group for each queue'],
  ['docs/guides/workers.md', 'Name the queue in the group'],
  ['docs/guides/waking.md', 'select vault.update_secret('],
  ['SECURITY.md', 'The schema gives access to `service_role` only'],
])('%s says: %s', (page, text) => {
  expect(read(page).replaceAll(/\s+/g, ' ')).toContain(text);
});

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** The name that GitHub gives a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
const anchorsOf = (path: string): string[] =>
  [
    ...read(path)
      .replaceAll(/^```[\s\S]*?^```/gm, '')
      .matchAll(/^#+ (.+)$/gm),
  ].map(([, heading = '']) => anchorOf(heading));

it.each(PAGES)('%s links to files and headings that exist', (path) => {
  const links = [...read(path).matchAll(/\]\((?!https?:)([^)\s]+)/g)].map((match) => match[1] ?? '');
  const broken = links.filter((link) => {
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : join(dirname(path), file);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor);
  });
  expect(broken).toEqual([]);
});
