/**
 * Removes one guard after the other from a copy of the schema and runs the test that must fail. Ends with exit code 1 if
 * a mutant survives or its clause is not found.
 *
 *   npm run mutate:sql                     all, about 15 minutes
 *   npm run mutate:sql -- --only renew     those whose function or clause contains the word
 *   npm run mutate:sql -- --minutes 2      a sample that fits into the time, drawn by --seed
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Mutant, SQL_MUTANTS } from './sql-mutants.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({
  options: { only: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string', default: '1' } },
});

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

interface Change {
  readonly file: string;
  readonly text: string;
  readonly tests: readonly string[];
}

/** Finds the clause of a mutant; throws if it is not there exactly once. */
function changeOf({ place, clause, put, test }: Mutant): Change {
  const isFile = place.endsWith('.sql');
  const head = new RegExp(`create or replace function public\\.${literal(place)}\\(`);
  const file = isFile
    ? `sql/${place}`
    : globSync('sql/functions/*.sql', { cwd: root }).find((path) =>
        head.test(readFileSync(join(root, path), 'utf8')),
      );
  if (file === undefined) throw new Error(`No file of sql/functions/ creates the function ${place}.`);
  const source = readFileSync(join(root, file), 'utf8');
  const start = isFile ? 0 : source.search(head);
  const end = isFile ? source.length : source.indexOf('\n$$;', start);
  const pattern = new RegExp(clause.trim().split(/\s+/).map(literal).join('\\s+'), 'g');
  const found = [...source.slice(start, end).matchAll(pattern)];
  const [match] = found;
  if (match === undefined || found.length > 1) {
    throw new Error(`${place} contains ${found.length} times: ${clause}. Adapt scripts/sql-mutants.ts.`);
  }
  const at = start + match.index;
  const tests = globSync(`test/${test}`, { cwd: root });
  if (tests.length === 0)
    throw new Error(`There is no test file test/${test}. Adapt scripts/sql-mutants.ts.`);
  return { file, text: source.slice(0, at) + put + source.slice(at + match[0].length), tests };
}

/** The mutants in an order that the seed decides. */
function shuffled(mutants: readonly Mutant[], seed: number): Mutant[] {
  const mixed = (index: number): number => Math.imul((index + 1) ^ (seed * 2654435761), 2246822519) >>> 0;
  return mutants
    .map((mutant, index) => ({ mutant, at: mixed(index) }))
    .sort((a, b) => a.at - b.at)
    .map(({ mutant }) => mutant);
}

const scratch = mkdtempSync(join(tmpdir(), 'cloud-jobs-mutate-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
});
for (const path of listed.split('\0').filter(Boolean)) cpSync(join(root, path), join(scratch, path));
symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'));

/** Whether one of the tests fails on the changed schema. */
function isKilled({ file, text, tests }: Change): boolean {
  writeFileSync(join(scratch, file), text);
  try {
    execFileSync(process.execPath, ['scripts/build-sql.ts'], { cwd: scratch, stdio: 'pipe' });
    const report = join(scratch, 'report.json');
    rmSync(report, { force: true });
    const args = [
      'node_modules/vitest/vitest.mjs',
      'run',
      ...tests,
      '--bail=1',
      '--reporter=json',
      `--outputFile=${report}`,
    ];
    spawnSync(process.execPath, args, { cwd: scratch, stdio: 'ignore', timeout: 300_000 });
    const result = readFileSync(report, 'utf8');
    if (/could not be applied|syntax error at/.test(result))
      throw new Error(`The changed ${file} is not valid SQL.`);
    return JSON.parse(result).success === false;
  } finally {
    cpSync(join(root, file), join(scratch, file));
  }
}

const all = SQL_MUTANTS.map((mutant) => ({ mutant, change: changeOf(mutant) }));
const order = shuffled(SQL_MUTANTS, Number(values.seed));
const until = performance.now() + Number(values.minutes ?? Infinity) * 60_000;
let [killed, survived] = [0, 0];
for (const { mutant, change } of all.sort((a, b) => order.indexOf(a.mutant) - order.indexOf(b.mutant))) {
  const name = `${mutant.place}: ${mutant.clause.replaceAll(/\s+/g, ' ')}`;
  if (performance.now() > until || !name.includes(values.only ?? '')) continue;
  const noticed = isKilled(change);
  if (noticed) killed += 1;
  else survived += 1;
  console.log(`${noticed ? 'killed  ' : 'SURVIVED'}  ${name}  (${change.tests.join(', ')})`);
}
console.log(
  `${all.length} mutants of the schema, ${killed + survived} tried: ${killed} killed, ${survived} survived`,
);
process.exitCode = survived > 0 || killed === 0 ? 1 : 0;
