/**
 * `npm run bench`: measures cloud-jobs beside its peers on one machine, in one run.
 *
 *   npm run bench                       all, about 20 minutes
 *   npm run bench -- --short            a smaller form of all, to compare two commits by
 *   npm run bench -- drain claim        some
 *   npm run bench -- drain --write      writes the figures into bench/RESULTS.md, too
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { claim } from './benches/claim.ts';
import { custom } from './benches/custom.ts';
import { dashboard } from './benches/dashboard.ts';
import { distance } from './benches/distance.ts';
import { drain } from './benches/drain.ts';
import { enqueue } from './benches/enqueue.ts';
import { graph } from './benches/graph.ts';
import { history } from './benches/history.ts';
import { limits } from './benches/limits.ts';
import { scale } from './benches/scale.ts';
import { storage } from './benches/storage.ts';
import { type Bench, tableRow } from './lib/bench.ts';
import { type BenchStack, startBenchStack } from './lib/stack.ts';

const BENCHES: Readonly<Record<string, Bench>> = {
  drain,
  distance,
  storage,
  enqueue,
  claim,
  limits,
  graph,
  scale,
  history,
  custom,
  dashboard,
};
const RESULTS = fileURLToPath(new URL('RESULTS.md', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`No such bench: ${unknown.join(', ')}. Choose from: ${Object.keys(BENCHES).join(', ')}.`);
  process.exit(1);
}

const folder = fileURLToPath(new URL('.', import.meta.url));
if (!existsSync(`${folder}node_modules/pg-boss`)) {
  console.error('Installing the peers into bench/node_modules ...');
  execFileSync('npm', ['ci', '--prefix', folder, '--silent'], { stdio: 'inherit' });
}

/** Date and machine of this run. */
async function provenance(stack: BenchStack): Promise<string> {
  const [row] = await stack.sql('show server_version');
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} x ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GB`;
  return `Measured on ${date}: ${machine}, Node ${process.version}, Postgres ${row?.server_version}.`;
}

/** Replaces the section of one bench in bench/RESULTS.md, or adds it at the end. */
function writeSection(name: string, text: string): void {
  const page = readFileSync(RESULTS, 'utf8');
  const parts = page.split(/^(?=## )/m);
  const at = parts.findIndex((part) => part.startsWith(`## ${name}\n`));
  parts.splice(at === -1 ? parts.length : at, at === -1 ? 0 : 1, `${text}\n`);
  writeFileSync(RESULTS, `${parts.map((part) => part.trim()).join('\n\n')}\n`);
}

const stack = await startBenchStack();
try {
  const measured = await provenance(stack);
  for (const [name, bench] of Object.entries(BENCHES)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const log = (text: string): void => console.error(`  ${name}: ${text}`);
    const { rows, note } = await bench.measure({ stack, short: values.short, log });
    const title = bench.title.charAt(0).toUpperCase() + bench.title.slice(1);
    const text = [
      `## ${name}\n`,
      `${title}. ${measured}${values.short ? ' The short form.' : ''}${note ? ` ${note}` : ''}\n`,
      '| measured | median (lowest to highest) |\n| --- | --- |',
      ...rows.map(tableRow),
    ].join('\n');
    console.log(`${text}\n`);
    if (values.write) writeSection(name, text);
  }
} finally {
  await stack.stop();
}
