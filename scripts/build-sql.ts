/**
 * Builds sql/install.sql from sql/parts/ and the numbered files of sql/migrations/.
 * The schema's version is the number of the last migration. `--check` writes nothing and fails when the file differs.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const sql = new URL('../sql/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, sql), 'utf8').trimEnd();

const migrations = readdirSync(new URL('migrations/', sql))
  .filter((name) => name.endsWith('.sql'))
  .sort();
migrations.forEach((name, index) => {
  if (!/^\d{4}_[a-z_]+\.sql$/.test(name) || Number(name.slice(0, 4)) !== index + 1) {
    throw new Error(
      `sql/migrations/${name}: expected the name ${String(index + 1).padStart(4, '0')}_words.sql`,
    );
  }
});
const version = String(migrations.length);
const rows = migrations.map((name, index) => `  (${index + 1}, '${name.slice(5, -4)}')`).join(',\n');

const text = [
  read('parts/begin.sql').replaceAll(':VERSION:', version),
  ...migrations.map(
    (name) => `-- ==== ${name} ${'='.repeat(90 - name.length)}\n\n${read(`migrations/${name}`)}`,
  ),
  `-- ==== access ${'='.repeat(83)}\n\n${read('parts/access.sql')}`,
  `-- ==== the end ${'='.repeat(82)}\n\n${read('parts/end.sql').replace(':ROWS:', () => rows)}`,
]
  .map((part) => `${part}\n`)
  .join('\n');

const target = new URL('install.sql', sql);
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('sql/install.sql is not what sql/migrations/ builds. Run: npm run build:sql');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
  console.log(`sql/install.sql: schema version ${version}, ${migrations.length} migrations`);
}
