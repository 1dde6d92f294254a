/**
 * Takes one guard after the other out of a copy of the repository and runs the test that must notice. Prints which were
 * noticed ("killed") and which not ("survived"); fails when one survived without a reason, or one with a reason did not.
 *
 * npm run mutate                        all of them
 * npm run mutate -- --only fence        those with this word in their name or file
 * npm run mutate -- --part 1/4          the first quarter
 * npm run mutate -- --minutes 2.5       as many as that gives time for, drawn by a seed
 * npm run mutate -- --seed 7            the draw again
 * npm run mutate -- --write             only writes the list of survivors into docs/reliability.md
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTATIONS } from './mutations/all.ts';
import { drawn } from './mutations/draw.ts';
import type { Mutation } from './mutations/mutation.ts';
import { misplaced } from './mutations/place.ts';
import { withSurvivors } from './mutations/survivors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    part: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    write: { type: 'boolean' },
  },
});

const page = join(root, 'docs/reliability.md');
const listed = withSurvivors(readFileSync(page, 'utf8'));
if (values.write) {
  writeFileSync(page, listed);
  process.exit();
}
if (readFileSync(page, 'utf8') !== listed) {
  console.error(
    'docs/reliability.md does not list the survivors as they are. Run: npm run mutate -- --write',
  );
  process.exit(1);
}

const [part = 1, parts = 1] = (values.part ?? '1/1').split('/').map(Number);
let chosen = MUTATIONS.filter(
  ({ what, file }) => values.only === undefined || `${what} ${file}`.includes(values.only),
).filter((_, index, all) => Math.floor((index * parts) / all.length) === part - 1);
const until = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000;
if (values.minutes !== undefined || values.seed !== undefined) {
  const seed = Number(values.seed ?? Date.now() % 100_000);
  chosen = drawn(chosen, seed);
  console.log(`Seed ${seed}: npm run mutate -- --seed ${seed} tries them in this order.`);
}

const scratch = mkdtempSync(join(tmpdir(), 'cloud-jobs-mutate-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
for (const path of execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0')) {
  if (path !== '') cpSync(join(root, path), join(scratch, path), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(scratch, 'node_modules'));

interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

interface Judgement {
  readonly verdict: 'killed' | 'survived' | 'broken';
  /** What it rests on. */
  readonly why: string;
}

/** Some tests draw their cases: one that finds nothing, or stumbles for another reason, gets further tries. */
const TRIES = 3;

function judge(mutation: Mutation, expected: Judgement['verdict']): Judgement {
  const path = join(scratch, mutation.file);
  const text = readFileSync(path, 'utf8');
  const lost = misplaced(mutation, text);
  if (lost !== null) return { verdict: 'broken', why: lost };
  try {
    writeFileSync(
      path,
      text.replace(mutation.find, () => mutation.put),
    );
    if (mutation.file.startsWith('sql/')) run('scripts/build-sql.ts');
    if (mutation.bundle) run('scripts/build.ts');
    let judgement = runTest(mutation);
    for (let left = TRIES - 1; left > 0 && judgement.verdict !== expected; left -= 1) {
      judgement = runTest(mutation);
    }
    return judgement;
  } catch (error) {
    return { verdict: 'broken', why: (error as Error).message.slice(0, 300) };
  } finally {
    writeFileSync(path, text);
    if (mutation.file.startsWith('sql/')) run('scripts/build-sql.ts');
    if (mutation.bundle) cpSync(join(root, 'dist'), join(scratch, 'dist'), { recursive: true });
  }
}

function run(script: string): void {
  execFileSync(process.execPath, [script], { cwd: scratch, stdio: 'pipe' });
}

function runTest({ test: [file, name] }: Mutation): Judgement {
  const output = join(scratch, 'report.json');
  rmSync(output, { force: true });
  const pattern = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const args = [join(dirname(fileURLToPath(import.meta.resolve('vitest/package.json'))), 'vitest.mjs')];
  args.push('run', file, '-t', pattern, '--reporter=json', `--outputFile=${output}`);
  const { status } = spawnSync(process.execPath, args, { cwd: scratch, stdio: 'ignore', timeout: 300_000 });
  let report: Report;
  try {
    report = JSON.parse(readFileSync(output, 'utf8'));
  } catch {
    return { verdict: 'broken', why: `no report (exit code ${status})` };
  }
  const failed = report.testResults.flatMap((result) =>
    result.assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName),
  );
  if (failed.length > 0) return { verdict: 'killed', why: failed[0] ?? '' };
  const trouble = report.testResults.find(({ message }) => message !== '')?.message;
  if (trouble !== undefined) return { verdict: 'broken', why: trouble.slice(0, 300) };
  if (report.numPassedTests === 0)
    return { verdict: 'broken', why: `no test of ${file} is called "${name}"` };
  return { verdict: 'survived', why: `${file}: ${name}` };
}

const counts = { killed: 0, survived: 0, broken: 0 };
let bad = 0;
let tried = 0;
for (const mutation of chosen) {
  if (performance.now() > until) break;
  tried += 1;
  const started = performance.now();
  const expected = mutation.survives === undefined ? 'killed' : 'survived';
  const { verdict, why } = judge(mutation, expected);
  counts[verdict] += 1;
  if (verdict !== expected) bad += 1;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${verdict === expected ? ' ' : '!'} ${verdict.padEnd(8)} ${seconds.padStart(5)} s  ${mutation.what}`,
  );
  if (verdict === 'killed' && verdict !== expected) {
    console.log(`${' '.repeat(20)}It is listed as a survivor, and a test fails by it: ${why}`);
  } else if (verdict !== 'killed') {
    console.log(`${' '.repeat(20)}${verdict === expected ? mutation.survives : why}`);
  }
}
console.log(
  `${tried} of ${MUTATIONS.length} mutations: ${counts.killed} killed, ${counts.survived} survived, ${counts.broken} could not be tried; ${bad} not as listed`,
);
process.exitCode = bad > 0 || tried === 0 ? 1 : 0;
