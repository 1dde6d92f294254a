/**
 * Keeps what a user has who has not upgraded yet: dist/ and sql/install.sql of the newest commit whose schema is older
 * than today's, as one compressed file for test/e2e/upgrade.test.ts. Run it when the schema gets a new version; it needs
 * the whole history, which a checkout in CI does not have, and so the file is committed.
 *
 * npm run build:previous
 * npm run build:previous -- v1.2.0      that commit or tag
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import { CLIENT_SCHEMA } from '../src/queue/replies.ts';

const TARGET = new URL('../test/fixtures/previous.json.br', import.meta.url);

const git = (...args: string[]): string =>
  execFileSync('git', args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  }).trimEnd();
const schemaOf = (commit: string): number =>
  Number(/CLIENT_SCHEMA = (\d+)/.exec(git('show', `${commit}:src/queue/replies.ts`))?.[1] ?? 0);

const commit =
  process.argv[2] ??
  git('log', '--format=%H', '--', 'dist', 'sql/install.sql')
    .split('\n')
    .find((one) => schemaOf(one) < CLIENT_SCHEMA);
if (commit === undefined) throw new Error('No commit here has an older schema. Is this a shallow clone?');

const files: Record<string, string> = {};
for (const path of git('ls-tree', '-r', '--name-only', commit, 'dist', 'sql/install.sql').split('\n')) {
  files[path] = git('show', `${commit}:${path}`);
}
const [id = '', date = ''] = git('log', '-1', '--format=%h %cs', commit).split(' ');
const text = JSON.stringify({ commit: id, date, schema: schemaOf(commit), files });
writeFileSync(
  TARGET,
  brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS } }),
);
console.log(`test/fixtures/previous.json.br: ${id} of ${date}, schema version ${schemaOf(commit)}`);
