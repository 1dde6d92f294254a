/**
 * `npm run month`: simulates a month of GitHub's ticks, as late as people measured them, against the local stack with a
 * clock that is set by hand. For each tick the action claims through the gateway and PostgREST and runs its handlers.
 * Prints how late jobs start, how many runs that takes and what they cost.
 *
 * `--days 30`, `--seed 1`, `--regimes mixed,calm`. `--packaged` starts each run as a process of its own from dist/, which
 * takes much longer.
 */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { runSql } from '../../local-supabase/database.ts';
import { startPostgres } from '../../local-supabase/postgres.ts';
import { createProject, readInstallSql } from '../../local-supabase/project.ts';
import { duration } from '../../src/text/format.ts';
import { CLOCK, onClock } from '../../test/support/clock-sql.ts';
import { REGIMES, SHARES } from './deliveries.ts';
import { lateness } from './lateness.ts';
import { openPlace, type Place } from './place.ts';
import { ADDED_A_DAY, SCENARIOS, SCHEDULE } from './scenarios.ts';
import { type Simulation, simulate } from './simulate.ts';
import { type Result, regimeTable, wholeTable } from './tables.ts';

/** How many days each regime is simulated alone: enough to see what depends on it. */
const REGIME_DAYS = 10;
/** Simulations at the same time, each in a project of its own. */
const LANES = 2;
const START = Date.parse('2026-11-02T00:00:00Z');

const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    regimes: { type: 'string', default: REGIMES.join(',') },
    packaged: { type: 'boolean', default: false },
  },
});
const days = Number(values.days);
const seed = Number(values.seed);
const regimes = REGIMES.filter((regime) => values.regimes.split(',').includes(regime));
const { packaged } = values;

const postgres = await startPostgres({ durable: false });

/** A project on a clock of its own, and how to close it. */
async function open(): Promise<{ place: Place; close(): Promise<void> }> {
  const project = await createProject(postgres, { install: false });
  const pool = new pg.Pool({ connectionString: project.adminUrl, max: 4 });
  // A connection may still be closing when the server stops.
  pool.on('error', () => {});
  const asPostgres = (text: string) => runSql(project.databaseUrl, text);
  await asPostgres(CLOCK);
  await asPostgres(onClock((await readInstallSql()) ?? ''));
  const place = await openPlace(project, {
    async sql(text, params = []) {
      return (await pool.query(text, [...params])).rows;
    },
    asPostgres,
  });
  await project.reloadSchema();
  return {
    place,
    async close() {
      await place.github.stop();
      await pool.end();
      await project.stop();
    },
  };
}

const simulations = regimes.flatMap((regime) =>
  SCENARIOS.map(
    (scenario): Simulation => ({
      scenario,
      regime,
      days: regime === 'mixed' ? days : Math.min(days, REGIME_DAYS),
      start: START,
      seed,
      packaged,
    }),
  ),
);
const results: Result[] = [];

/** Runs one simulation after another. */
async function lane(): Promise<void> {
  const { place, close } = await open();
  try {
    for (let simulation = simulations.shift(); simulation !== undefined; simulation = simulations.shift()) {
      const began = performance.now();
      const totals = await simulate(place, simulation);
      results.push({ simulation, totals, late: await lateness(place.db) });
      const took = duration((performance.now() - began) / 1000);
      console.error(
        `${simulation.regime}, ${simulation.scenario.name}: ${simulation.days} days, ${totals.runs} runs, in ${took}`,
      );
    }
  } finally {
    await close();
  }
}

try {
  await Promise.all(Array.from({ length: LANES }, lane));
} finally {
  await postgres.stop();
}
console.log(`Seed ${seed}; recurring jobs at ${SCHEDULE}, and ${ADDED_A_DAY} others a day at any moment.`);
const shares = Object.entries(SHARES).map(([name, share]) => `${name} ${Math.round(share * 100)} %`);
if (regimes.includes('mixed')) {
  console.log(`\n${days} days, mixed: ${shares.join(', ')}, an assumption.\n`);
  console.log(wholeTable(results));
}
if (regimes.some((regime) => regime !== 'mixed')) {
  console.log(`\nIn each alone, ${Math.min(days, REGIME_DAYS)} days:\n`);
  console.log(regimeTable(results));
}
