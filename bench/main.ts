/**
 * Measures cloud-jobs beside its peers on one machine, in one run.
 *
 *   npm run bench                       all, about 25 minutes
 *   npm run bench -- --short            all, less than 2 minutes
 *   npm run bench -- drain claim        some
 *   npm run bench -- --json FILE        writes the figures too; the table of docs/performance.md is made from them
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benches } from './benches/index.ts';
import { machine } from './lib/machine.ts';
import { printResult } from './lib/print.ts';
import type { Report, Result } from './lib/result.ts';
import { startBenchStack } from './lib/stack.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false }, json: { type: 'string' } },
});
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`No such bench: ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`);
  process.exit(1);
}

const folder = fileURLToPath(new URL('.', import.meta.url));
if (!existsSync(`${folder}node_modules/pg-boss`)) {
  console.error('Installing the peers into bench/node_modules ...');
  execFileSync('npm', ['ci', '--prefix', folder, '--silent'], { stdio: 'inherit' });
}

const started = new Date();
const began = performance.now();
const stack = await startBenchStack();
const results: Result[] = [];
try {
  const about = await machine(stack);
  console.log(
    `${about.cores} x ${about.cpu}, ${about.memoryGb} GB, Node ${about.node}, Postgres ${about.postgres}\n`,
  );
  for (const [name, bench] of Object.entries(benches)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const from = performance.now();
    const log = (text: string): void => console.error(`  ${name}: ${text}`);
    const result = {
      bench: name,
      title: bench.title,
      ...(await bench.measure({ stack, short: values.short, log })),
    };
    results.push(result);
    printResult(result, (performance.now() - from) / 1000, console.log);
  }
  if (values.json !== undefined) {
    const report: Report = {
      date: started.toISOString(),
      size: values.short ? 'short' : 'whole',
      machine: about,
      seconds: (performance.now() - began) / 1000,
      results,
    };
    writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  }
} finally {
  await stack.stop();
}
