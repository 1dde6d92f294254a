/**
 * `npm run month`: a month of GitHub's ticks, as late as people measured them, against the real SQL on a clock that is
 * set by hand. Prints how late jobs start, how many runs that takes and what they cost. `--days 30 --seed 1`.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { runSql } from '../src/stack/database.ts';
import { startPostgres } from '../src/stack/postgres.ts';
import { prepareDatabase } from '../src/stack/project.ts';
import { duration } from '../src/words/format.ts';
import { CLOCK, onClock } from '../test/support/clock-sql.ts';
import { installExtensions } from '../test/support/extensions.ts';
import { lateness } from './month/lateness.ts';
import { live, PASS_MINUTES, SCENARIOS, SCHEDULE } from './month/live.ts';

/** Dollars for a minute. Source: https://docs.github.com/billing/reference/actions-runner-pricing */
const PRICES = { 'ubuntu-latest': 0.006, 'ubuntu-slim': 0.002 } as const;
const START = Date.parse('2026-11-02T00:00:00Z');

const { values } = parseArgs({
  options: { days: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } },
});
const days = Number(values.days);
const seed = Number(values.seed);
const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const line = (...cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);

const postgres = await startPostgres({ durable: false });
try {
  console.log(
    `${days} days, seed ${seed}; recurring jobs at ${SCHEDULE}, and 6 others a day at any moment.\n`,
  );
  line(
    'schedule',
    'runs',
    'idle',
    'minutes billed',
    'ubuntu-latest',
    'ubuntu-slim',
    'jobs',
    'ran',
    'skipped',
    'late: half within',
    '95 % within',
    'at most',
  );
  line(...Array.from({ length: 12 }, () => '---'));
  for (const [index, scenario] of SCENARIOS.entries()) {
    const name = `month_${index}`;
    await postgres.createDatabase(name);
    await prepareDatabase(postgres.adminUrl, name, { grants: 'current', install: false });
    const url = new URL(postgres.adminUrl);
    url.pathname = `/${name}`;
    const pool = new pg.Pool({ connectionString: url.href, max: 1 });
    // A connection may still be closing when the server stops.
    pool.on('error', () => {});
    const db = {
      async sql<Row>(text: string, params: readonly unknown[] = []): Promise<Row[]> {
        return (await pool.query(text, [...params])).rows;
      },
    };
    try {
      await runSql(url.href, CLOCK);
      await runSql(url.href, onClock(read('sql/install.sql')));
      if (scenario.wake) {
        await installExtensions(db as never);
        await runSql(url.href, onClock(read('sql/optional/wake.sql')));
        await runSql(url.href, PASS_MINUTES);
        await db.sql(`select vault.create_secret('token', 'cloud_jobs_github_token')`);
        await db.sql(`select cloud_jobs_wake.watch('default', 'octo/consumer')`);
      }
      const lived = await live(db, scenario, days, START, seed);
      const costs = [
        String(lived.runs),
        String(lived.idle),
        String(lived.minutes),
        ...Object.values(PRICES).map((price) => `$${(lived.minutes * price).toFixed(2)}`),
      ];
      for (const [row, late] of (await lateness(db)).entries()) {
        line(
          ...(row === 0 ? [scenario.name, ...costs] : ['', '', '', '', '', '']),
          late.name === 'added' ? 'at any moment' : `recurring, ${late.name}`,
          String(late.ran),
          String(late.skipped),
          ...[late.median, late.p95, late.worst].map(duration),
        );
      }
    } finally {
      await pool.end();
    }
  }
} finally {
  await postgres.stop();
}
