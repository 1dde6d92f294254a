/**
 * Builds sql/install.sql from the folders of sql/. `--check` writes nothing and fails if the file differs.
 * Tables need the default of their ids, so `new-id` comes before them. Bodies of functions are not checked while they
 * are created, so the other functions follow in the order of their names.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const TABLES = [
  'jobs',
  'job-checks',
  'dependencies',
  'steps',
  'executions',
  'indexes',
  'workers',
  'queues',
  'papers',
  'finished-at',
  'direct-writes',
  'job-guards',
  'concurrency-keys',
  'schedule-anchor',
  'expiry',
  'row-security',
  'alerts',
];

const sql = new URL('../sql/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(`${name}.sql`, sql), 'utf8').trimEnd();
const namesIn = (folder: string): string[] =>
  readdirSync(new URL(folder, sql))
    .map((file) => file.replace(/\.sql$/, ''))
    .sort();

const unlisted = namesIn('tables/').filter((name) => !TABLES.includes(name));
if (unlisted.length > 0)
  throw new Error(`Add sql/tables/${unlisted[0]}.sql to the order in scripts/build-sql.ts.`);

const version = /"schema": (\d+)/.exec(read('functions/version'))?.[1];
if (version === undefined) throw new Error('sql/functions/version.sql names no schema version.');

const tables = createHash('sha256')
  .update(TABLES.map((name) => read(`tables/${name}`)).join('\n'))
  .digest('hex')
  .slice(0, 16);

const parts = [
  'install/old-forms',
  'functions/new-id',
  ...TABLES.map((name) => `tables/${name}`),
  ...namesIn('functions/')
    .filter((name) => name !== 'new-id')
    .map((name) => `functions/${name}`),
  'install/access',
  'install/record',
  'install/end',
].map((name) => `-- ==== ${name} ${'='.repeat(90 - name.length)}\n\n${read(name)}\n`);
const text = [`${read('install/begin')}\n`, ...parts]
  .join('\n')
  .replaceAll(':VERSION:', version)
  .replaceAll(':TABLES:', tables);

const target = new URL('install.sql', sql);
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('sql/install.sql is not what the folders of sql/ build. Run: npm run build:sql');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
  console.log(`sql/install.sql: schema version ${version}`);
}
