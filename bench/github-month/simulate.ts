import { between, deliveries, drawConditions, type Regime, seeded } from './deliveries.ts';
import { type Added, createPassage } from './passage.ts';
import type { ClockedDatabase, Place } from './place.ts';
import { openRunner } from './runs.ts';
import { ADDED_A_DAY, ADDED_TAKES, POLICIES, RECURRING_TAKES, SCHEDULE, type Scenario } from './scenarios.ts';
import { startWork } from './work.ts';

export interface Simulation {
  readonly scenario: Scenario;
  readonly regime: Regime;
  readonly days: number;
  /** Milliseconds since 1970, a full minute. */
  readonly start: number;
  readonly seed: number;
  /** Each run as a process of its own, from dist/. */
  readonly packaged: boolean;
}

export interface Totals {
  /** Runs that GitHub started, without those that were cancelled while they waited for another. */
  readonly runs: number;
  /** Runs that found nothing to do. */
  readonly idle: number;
  /** Minutes that GitHub bills: the time of each run, rounded up to the minute. */
  readonly minutes: number;
  /** Dispatches that GitHub accepted. */
  readonly wakeCalls: number;
  /** Requests that the workers sent to the project. */
  readonly requests: number;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** From a run's creation to a runner, and from there to the worker's first claim, which is billed. Estimates. */
const QUEUED = [5_000, 40_000] as const;
const SET_UP = 8_000;
const CONCURRENCY = 4;
const SAID = /^(\d+) claimed, .* \((\d+) requests\)\.$/m;

/**
 * Simulates days of a repository. GitHub's ticks come as measured. For each of them the action runs: it claims over HTTP
 * from a real project and runs the jobs in real child processes. Only the clock of the database is set by hand.
 */
export async function simulate(place: Place, simulation: Simulation): Promise<Totals> {
  const { db, github } = place;
  const { scenario, days, start, seed } = simulation;
  const random = seeded(seed);
  const ticks = deliveries(
    scenario.everyMinutes * MINUTE,
    days,
    drawConditions(simulation.regime, days, random),
    random,
  );
  const arrivals = ticks.map((time) => ({ at: start + time, event: { schedule: scenario.cron } as Event }));
  const end = start + days * DAY;
  const counts = { runs: 0, idle: 0, minutes: 0, wakeCalls: 0, requests: 0 };

  await db.sql(
    'truncate cloud_jobs, cloud_job_workers, cloud_jobs_wake.watched, cloud_jobs_wake.call cascade',
  );
  await db.sql('select cloud_jobs_wake.watch($1, $2, api_url_param => $3)', [
    'default',
    'octo/consumer',
    github.url,
  ]);
  const passage = await createPassage(db, start, scenario.wake, addedJobs(simulation), {
    add: async (job) => {
      await db.sql(`select cloud_jobs_create('added', 'custom', $1)`, [config(job.seconds)]);
    },
    called() {
      for (const { path } of github.requests.splice(0)) {
        if (path !== '/repos/octo/consumer/dispatches') throw new Error(`GitHub was asked for ${path}`);
        counts.wakeCalls++;
        // A dispatch starts a run, as a tick does.
        arrivals.push({ at: passage.now(), event: 'repository_dispatch' });
      }
    },
  });
  await using work = await startWork(db, passage, CONCURRENCY);
  using runner = openRunner(place, simulation.packaged);
  const config = (seconds: number) => JSON.stringify({ handler: 'work', seconds, clock: work.url });
  for (const missed of POLICIES) {
    await runner.run('workflow_dispatch', {
      command: 'create',
      name: missed,
      'job-type': 'custom',
      config: config(RECURRING_TAKES),
      schedule: SCHEDULE,
      missed,
    });
  }

  async function run(event: Event): Promise<void> {
    const began = passage.now() + Math.floor(between(random, QUEUED));
    await passage.to(began + SET_UP);
    const log = await runner.run(event, { concurrency: String(CONCURRENCY) });
    work.check();
    const [, claimed, requests] = SAID.exec(log) ?? [];
    if (claimed === undefined) throw new Error(`The log of a run has no totals:\n${log}`);
    counts.runs++;
    if (claimed === '0') counts.idle++;
    counts.minutes += Math.ceil((passage.now() - began) / MINUTE);
    counts.requests += Number(requests);
  }

  let free = start;
  while (passage.now() < end) {
    arrivals.sort((a, b) => a.at - b.at);
    // The concurrency group of the workflow: of the runs that came during another, only the last one waits.
    while ((arrivals[1]?.at ?? end) < free) arrivals.shift();
    const next = arrivals[0];
    if (next && next.at <= passage.now()) {
      arrivals.shift();
      await run(next.event);
      free = passage.now();
    } else {
      await passage.step(Math.min(next?.at ?? end, end));
    }
  }
  await checkNothingFailed(db);
  return counts;
}

/** Only GitHub's clock is wrong in a simulation: any other failure would falsify the figures. */
async function checkNothingFailed(db: ClockedDatabase): Promise<void> {
  const failed = await db.sql(
    `select coalesce(error_message, status) as what from cloud_job_executions
     where status <> 'success' and failure_kind is distinct from 'skipped'
     union all select error from cloud_jobs_wake.call where error is not null limit 3`,
  );
  if (failed.length > 0) throw new Error(`The simulation had failures: ${JSON.stringify(failed)}`);
}

type Event = string | { readonly schedule: string };

/** The jobs that an application adds. Drawn separately, so that they are the same in all scenarios of a seed. */
function addedJobs({ days, start, seed }: Simulation): Added[] {
  const random = seeded(seed + 1);
  return Array.from({ length: days * ADDED_A_DAY }, () => ({
    at: start + Math.floor(random() * days * DAY),
    seconds: Math.round(between(random, ADDED_TAKES)),
  })).sort((a, b) => a.at - b.at);
}
