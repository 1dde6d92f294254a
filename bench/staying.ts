/**
 * The memory of `run --watch` over days of load in less time: `node bench/staying.ts --minutes 30`. A job comes every half
 * second, where a day of one job a minute has 1,440, and the queue is empty between them, so that it is polled. Prints the
 * heap after a collection of garbage, and what the process holds in all. Linux only.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBenchStack } from './lib/stack.ts';

const JOBS_A_DAY = 1_440;
const SAMPLES = 10;
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
/** Prints the heap in bytes when the process gets SIGUSR2. */
const PROBE = `data:text/javascript,process.on('SIGUSR2',()=>{gc();gc();console.error('heap',process.memoryUsage().heapUsed)})`;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const endAt = Date.now() + Number(values.minutes) * 60_000;
const stack = await startBenchStack();
const worker = spawn(
  process.execPath,
  [
    '--expose-gc',
    `--import=${PROBE}`,
    path('../src/hosts/command-line.ts'),
    'run',
    '--watch',
    '--json',
    '--handlers',
    path('handlers'),
  ],
  {
    env: {
      PATH: process.env.PATH,
      SUPABASE_URL: stack.project.url,
      SUPABASE_SECRET_KEY: stack.project.secretKey,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  },
);
let report = '';
let heap = 0;
worker.stdout.on('data', (chunk: Buffer) => {
  report += chunk;
});
worker.stderr.on('data', (chunk: Buffer) => {
  heap = Number(/^heap (\d+)$/m.exec(String(chunk))?.[1] ?? heap);
});

let added = 0;
let sampleAt = Date.now() + 20_000;
const everyMs = (endAt - sampleAt) / (SAMPLES - 1);
try {
  while (Date.now() < endAt + 1_000 && worker.exitCode === null) {
    await stack.fill(1, { config: { handler: 'noop' } });
    added += 1;
    await delay(500);
    if (Date.now() < sampleAt) continue;
    sampleAt += everyMs;
    heap = 0;
    worker.kill('SIGUSR2');
    while (heap === 0) await delay(50);
    const status = readFileSync(`/proc/${worker.pid}/status`, 'utf8');
    const resident = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    const days = (added / JOBS_A_DAY).toFixed(1);
    console.log(`| ${days} | ${added} | ${(heap / 2 ** 20).toFixed(1)} MB | ${resident.toFixed(0)} MB |`);
  }
  worker.kill('SIGTERM');
  if (worker.exitCode === null) await once(worker, 'exit');
  const { succeeded, claimed, http_requests: requests } = JSON.parse(report);
  console.log(`${added} added, ${claimed} claimed, ${succeeded} succeeded, ${requests} requests.`);
} finally {
  worker.kill('SIGKILL');
  await stack.stop();
}
