/**
 * `npm run soak`: workers, database and network broken by a seeded plan for minutes on end, and what must hold checked
 * afterwards. Prints the figures as a table, and with `--json FILE` writes them. Linux only.
 */
import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { runFaults } from './fault-run.ts';
import { figures } from './figures.ts';

function number(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It has to be a number above 0.');
  return value;
}

const { minutes, jobs, seed, workers, json } = new Command('soak')
  .description(
    'Breaks workers, database and network by a seeded plan, then checks that nothing was lost or done twice.',
  )
  .option('--minutes <number>', 'how long the faults go on', number, 10)
  .option('--jobs <number>', 'stop adding jobs after so many', number, 1_000_000)
  .option('--seed <number>', 'repeats the plan of an earlier run', number, Math.floor(Math.random() * 1e9))
  .option('--workers <number>', 'workers alive at once', number, 10)
  .option('--json <file>', 'writes the figures into this file too')
  .parse()
  .opts<{ minutes: number; jobs: number; seed: number; workers: number; json?: string }>();

if (process.platform !== 'linux') {
  console.error('npm run soak looks processes up in /proc, so it needs Linux.');
  process.exit(1);
}
console.error(`Seed ${seed}. Faults for ${minutes} minutes, then the queue runs dry.`);
const report = await runFaults({
  seed,
  workers,
  jobs,
  calm: 8_000,
  warm: 1_000,
  seconds: minutes * 60,
  pauses: { process: 5_000, wire: 4_000, http: 4_000, database: 9_000 },
  hurry: false,
  tell: (line) => console.error(line),
});
console.log(figures(report));
if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
if (report.violations.length > 0) {
  console.error(`${report.violations.length} violations:\n${report.violations.join('\n')}`);
  process.exit(1);
}
