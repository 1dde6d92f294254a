import { deliveries, seeded, weather } from './deliveries.ts';

/** A database with sql/install.sql on a clock that is set by hand, and sql/optional/wake.sql beside it. */
export interface ClockedDatabase {
  sql<Row extends Record<string, unknown> = Record<string, unknown>>(
    text: string,
    params?: readonly unknown[],
  ): Promise<Row[]>;
}

export interface Scenario {
  readonly name: string;
  /** Interval of the workflow's schedule, in minutes. */
  readonly everyMinutes: number;
  /** With sql/optional/wake.sql. */
  readonly wake: boolean;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: '`*/5`', everyMinutes: 5, wake: false },
  { name: 'hourly', everyMinutes: 60, wake: false },
  { name: 'hourly + wake', everyMinutes: 60, wake: true },
  { name: 'every 6 hours + wake', everyMinutes: 360, wake: true },
];

export interface Lived {
  /** Runs that GitHub started; one that waited for another and was cancelled is none. */
  readonly runs: number;
  /** Those that found nothing to do. */
  readonly idle: number;
  /** As GitHub bills: each run's time rounded up to the minute. */
  readonly minutes: number;
  readonly wakeCalls: number;
}

/** When the recurring jobs are due, one for each policy. */
export const SCHEDULE = '30 6,12,18 * * *';
export const POLICIES = ['once', 'skip', 'all'] as const;
/** Jobs that somebody adds at any moment, on a day. */
const ADDED_A_DAY = 6;

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** From a run's creation to the worker's first claim; the last part of it is billed. */
const QUEUED = [5_000, 40_000] as const;
const SET_UP = 8_000;
/** What a job takes. */
const TAKES = [5_000, 40_000] as const;
const CONCURRENCY = 4;
const MINUTES_AT_ONCE = 15;

/** Minutes go by in the database, until wake.sql calls GitHub or the time is over. Returns when it called. */
export const PASS_MINUTES = `
  create function clock.pass_minutes(until_param timestamptz) returns timestamptz language plpgsql as $$
  declare
    minute timestamptz := date_trunc('minute', clock.now());
  begin
    loop
      minute := minute + interval '1 minute';
      exit when minute > until_param;
      update clock.hand set at = minute;
      if (cloud_jobs_wake.tick()->>'calls')::integer > 0 then
        return minute;
      end if;
    end loop;
    update clock.hand set at = until_param;
    return null;
  end $$;`;

interface Reply extends Record<string, unknown> {
  readonly jobs: { readonly execution_id: string }[];
}

/**
 * Lives through days of a repository: GitHub's ticks as measured, the real SQL, workers that take what they find.
 * @param start milliseconds since 1970, a full minute
 */
export async function live(
  db: ClockedDatabase,
  scenario: Scenario,
  days: number,
  start: number,
  seed: number,
): Promise<Lived> {
  const random = seeded(seed);
  const ticks = deliveries(scenario.everyMinutes * MINUTE, days, weather(days, random), random);
  // Drawn apart, so that all scenarios of a seed get the same jobs.
  const jobs = seeded(seed + 1);
  const added = Array.from({ length: days * ADDED_A_DAY }, () => start + jobs() * days * DAY).sort(
    (a, b) => a - b,
  );
  const arrivals = ticks.map((time) => start + time);
  const end = start + days * DAY;
  const between = ([low, high]: readonly [number, number]): number => low + random() * (high - low);
  const counts = { runs: 0, idle: 0, minutes: 0, wakeCalls: 0 };
  let now = start;
  let busyUntil = 0;
  let pending = false;

  async function setClock(at: number): Promise<void> {
    await db.sql('update clock.hand set at = $1', [new Date(at)]);
    now = at;
  }

  async function addUntil(time: number): Promise<void> {
    while (added[0] !== undefined && added[0] <= time) {
      const at = added.shift() ?? time;
      await db.sql('update clock.hand set at = $1', [new Date(at)]);
      await db.sql(`select cloud_jobs_create('added', 'custom')`);
      if (added[0] === undefined || added[0] > time) await setClock(time);
    }
  }

  /** One run: claims and finishes until nothing is due. */
  async function run(created: number): Promise<void> {
    const began = created + between(QUEUED);
    const worker = `octo/consumer/${created}`;
    let time = began + SET_UP;
    let done: string[] = [];
    for (let first = true; ; first = false) {
      await addUntil(time);
      await setClock(time);
      const [row] = await db.sql<{ reply: Reply | { claim: Reply } }>(
        first
          ? 'select cloud_jobs_claim($1, $2) as reply'
          : `select cloud_jobs_finish($1, $3, jsonb_build_object('limit', $2::integer)) as reply`,
        [
          worker,
          CONCURRENCY,
          ...(first ? [] : [JSON.stringify(done.map((id) => ({ execution_id: id, outcome: 'success' })))]),
        ],
      );
      const reply = row?.reply;
      const found =
        (reply && 'claim' in reply ? (reply.claim as Reply) : (reply as Reply | undefined))?.jobs ?? [];
      if (found.length === 0) {
        if (first) counts.idle++;
        break;
      }
      done = found.map((job) => job.execution_id);
      time += Math.max(...done.map(() => between(TAKES)));
    }
    counts.runs++;
    counts.minutes += Math.ceil((time - began) / MINUTE);
    busyUntil = time;
  }

  await setClock(start);
  for (const missed of POLICIES) {
    await db.sql(
      `select cloud_jobs_create($1, 'custom', schedule_param => $2, missed_param => $1, missed_grace_seconds_param => 900)`,
      [missed, SCHEDULE],
    );
  }
  while (now < end) {
    const until = Math.min(arrivals[0] ?? end, added[0] ?? end, pending ? busyUntil : end, end);
    // The rows that a minute rewrites can be cleaned up only between statements.
    const next = scenario.wake ? Math.min(until, now + MINUTES_AT_ONCE * MINUTE) : until;
    if (scenario.wake && next > now) {
      const [row] = await db.sql<{ called: Date | null }>('select clock.pass_minutes($1) as called', [
        new Date(next),
      ]);
      now = row?.called?.getTime() ?? next;
      if (row?.called) {
        counts.wakeCalls++;
        await answerCalls(db);
        arrivals.unshift(now);
        arrivals.sort((a, b) => a - b);
        continue;
      }
    }
    await setClock(Math.max(now, next));
    await addUntil(now);
    if (pending && busyUntil <= now) {
      pending = false;
      await run(now);
    } else if (arrivals[0] !== undefined && arrivals[0] <= now) {
      const arrival = arrivals.shift() ?? now;
      // The concurrency group of the workflow: one runs, one waits, more are cancelled.
      if (arrival < busyUntil) pending = true;
      else await run(arrival);
    }
  }
  return counts;
}

/** GitHub takes every dispatch. */
async function answerCalls(db: ClockedDatabase): Promise<void> {
  await db.sql(`with sent as (delete from net.http_request_queue returning id)
    insert into net._http_response (id, status_code, headers, content) select id, 204, '{}', '' from sent`);
}
