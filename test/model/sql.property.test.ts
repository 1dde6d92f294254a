import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ATTEMPTS, onConnections, value } from '../sql/support.ts';
import { type ClockProject, startClockProject } from '../support/clock.ts';
import {
  ALL_GUARDS,
  finish,
  type Job,
  type Outcome,
  type Queue,
  remembered,
  renew,
  rescue,
  take,
} from './queue-model.ts';

/**
 * Three workers call the real functions in any order, also about each other's attempts; requests are sent again at any
 * later time; time passes. After every call the rows are what the model says.
 */
const LOCK_SECONDS = 300;
const START = Date.parse('2030-01-01T00:00:00Z');

type Sent =
  | { readonly kind: 'claim'; readonly number: number; readonly worker: number; readonly limit: number }
  | { readonly kind: 'renew'; readonly worker: number; readonly execution: number; readonly seconds: number }
  | {
      readonly kind: 'finish';
      readonly worker: number;
      readonly execution: number;
      readonly outcome: Outcome;
    };

interface Model {
  readonly queue: Queue;
  now: number;
  readonly sent: Sent[];
  /** Told about the end of each execution, the first time: so it must be told again. */
  readonly answers: Map<number, unknown>;
}

interface Real {
  readonly db: pg.Client;
  /** Ids in the database, by the numbers of the model. */
  readonly jobIds: string[];
  readonly executionIds: Map<number, string>;
  readonly requestIds: Map<number, string>;
}

type Command = fc.AsyncCommand<Model, Real>;
const command = (name: string, run: (model: Model, real: Real) => Promise<void>): Command => ({
  check: () => true,
  run: async (model, real) => {
    await run(model, real);
    await compare(model, real);
  },
  toString: () => name,
});

const at = <T>(list: readonly T[], index: number): T | undefined => list[index % list.length];

async function claim(sent: Sent & { kind: 'claim' }, model: Model, real: Real): Promise<void> {
  const { queue, now } = model;
  const reply = await value<{ jobs: { job_id: string; execution_id: string }[]; expired: number }>(
    real.db,
    `select cloud_jobs_claim($1, $2, lock_seconds_param => $3, request_id_param => $4)`,
    [`w${sent.worker}`, sent.limit, LOCK_SECONDS, real.requestIds.get(sent.number)],
  );
  const lockUntil = now + LOCK_SECONDS * 1000;
  const before = remembered(queue, sent.number, ALL_GUARDS);
  if (before !== null) {
    for (const id of before) renew(queue, id, lockUntil, ALL_GUARDS);
    expect(reply.jobs.map((job) => job.execution_id)).toEqual(before.map((id) => real.executionIds.get(id)));
    expect(reply.expired).toBe(0);
    return;
  }
  let expired = 0;
  for (const [index, job] of queue.jobs.entries()) {
    if (job.status !== 'locked' || job.lockUntil >= now) continue;
    const { retries, holder } = job;
    const lostBefore = [...queue.executions.values()].some((one) => one.job === index && one.kind === 'lost');
    rescue(queue, index, holder, now, now, ALL_GUARDS);
    expired += 1;
    if (isWaiting(job) && lostBefore) job.dueAt = await backoff(model, real, index, retries);
  }
  expect(reply.expired).toBe(expired);
  const due = queue.jobs
    .map((job, index) => ({ job, index }))
    .filter(({ job }) => job.status === 'waiting' && job.dueAt <= now)
    .sort((a, b) => a.job.dueAt - b.job.dueAt || (idOf(real, a.index) < idOf(real, b.index) ? -1 : 1))
    .slice(0, sent.limit);
  expect(reply.jobs.map((job) => job.job_id)).toEqual(due.map(({ index }) => idOf(real, index)));
  for (const [place, { index }] of due.entries()) {
    const id = queue.executions.size;
    real.executionIds.set(id, reply.jobs[place]?.execution_id ?? '');
    take(queue, index, id, { worker: sent.worker, request: sent.number }, lockUntil);
  }
}

/** The model's functions change jobs in place, which the compiler cannot know. */
const isWaiting = (job: Job): boolean => job.status === 'waiting';

const idOf = (real: Real, index: number): string => real.jobIds[index] ?? '';

/** When the database will try a job again: 30 s, 60 s, ... and a fifth more or less. In milliseconds since 1970. */
async function backoff(model: Model, real: Real, index: number, retries: number): Promise<number> {
  const seconds = 30 * 2 ** retries;
  const due = await value<Date>(real.db, 'select run_at from cloud_jobs where job_id = $1', [
    idOf(real, index),
  ]);
  const wait = (due.getTime() - model.now) / 1000;
  expect(wait).toBeGreaterThanOrEqual(seconds * 0.8 - 0.01);
  expect(wait).toBeLessThanOrEqual(seconds * 1.2 + 0.01);
  return due.getTime();
}

async function end(sent: Sent & { kind: 'finish' }, model: Model, real: Real): Promise<void> {
  const { queue, now } = model;
  const execution = queue.executions.get(sent.execution);
  if (execution === undefined) return;
  const item = {
    execution_id: real.executionIds.get(sent.execution),
    outcome: sent.outcome,
    error: 'e',
    ...(sent.outcome === 'snooze' ? { delay_seconds: 100 } : {}),
  };
  const reply = await value<{ finished: { applied: boolean }[] }>(
    real.db,
    'select cloud_jobs_finish($1, $2)',
    [`w${sent.worker}`, JSON.stringify([item])],
  );
  const [told] = reply.finished;
  const open = execution.status === 'running';
  const job = queue.jobs[execution.job];
  const retries = job?.retries ?? 0;
  // The fence is the instance, too.
  const applied =
    execution.worker === sent.worker &&
    finish(queue, sent.execution, sent.outcome, now + (sent.outcome === 'snooze' ? 100_000 : 0), ALL_GUARDS);
  expect(told?.applied).toBe(applied);
  if (!applied) return;
  if (open && job && job.status === 'waiting' && execution.kind === 'error') {
    job.dueAt = await backoff(model, real, execution.job, retries);
  }
  if (!model.answers.has(sent.execution)) model.answers.set(sent.execution, told);
  expect(told).toEqual(model.answers.get(sent.execution));
}

async function renewOne(sent: Sent & { kind: 'renew' }, model: Model, real: Real): Promise<void> {
  const execution = model.queue.executions.get(sent.execution);
  if (execution === undefined) return;
  const items = JSON.stringify([{ execution_id: real.executionIds.get(sent.execution) }]);
  const reply = await value<{ renewed: { held: boolean; cancel_requested: boolean }[] }>(
    real.db,
    'select cloud_jobs_renew($1, $2, $3)',
    [`w${sent.worker}`, items, sent.seconds],
  );
  // A lock with more than two thirds of the time asked for left stays as it is.
  const lockUntil = model.queue.jobs[execution.job]?.lockUntil ?? 0;
  const isLong = lockUntil >= model.now + (sent.seconds * 2000) / 3;
  const held =
    execution.worker === sent.worker &&
    renew(model.queue, sent.execution, isLong ? lockUntil : model.now + sent.seconds * 1000, ALL_GUARDS);
  expect(reply.renewed[0]).toMatchObject({
    held,
    cancel_requested: held && model.queue.jobs[execution.job]?.cancelled === true,
  });
}

const carryOut = (sent: Sent, model: Model, real: Real): Promise<void> =>
  sent.kind === 'claim'
    ? claim(sent, model, real)
    : sent.kind === 'renew'
      ? renewOne(sent, model, real)
      : end(sent, model, real);

const send = (name: string, make: (model: Model, real: Real) => Sent | null): Command =>
  command(name, async (model, real) => {
    const sent = make(model, real);
    if (sent === null) return;
    model.sent.push(sent);
    await carryOut(sent, model, real);
  });

/** The rows are what the model says, column by column. */
async function compare(model: Model, real: Real): Promise<void> {
  const rows = await real.db.query(
    `select job_id, status, current_retries, locked_execution_id, cancel_requested_at is not null as cancelled,
       case when status = 'locked' then lock_expires_at end as lock_until, case when status = 'waiting' then run_at end as due
     from cloud_jobs order by job_id`,
  );
  const expected = model.queue.jobs.map((job: Job, index) => ({
    job_id: idOf(real, index),
    status: job.status,
    current_retries: job.retries,
    locked_execution_id: job.holder === null ? null : real.executionIds.get(job.holder),
    cancelled: job.cancelled,
    lock_until: job.status === 'locked' ? new Date(job.lockUntil) : null,
    due: job.status === 'waiting' ? new Date(job.dueAt) : null,
  }));
  expect(rows.rows).toEqual(expected.sort((a, b) => (a.job_id < b.job_id ? -1 : 1)));
  const executions = await real.db.query(
    `select execution_id, status, failure_kind from (${ATTEMPTS}) attempts order by execution_id`,
  );
  const known = [...model.queue.executions].map(([id, { status, kind }]) => ({
    execution_id: real.executionIds.get(id) ?? '',
    status,
    failure_kind: kind,
  }));
  expect(executions.rows).toEqual(known.sort((a, b) => (a.execution_id < b.execution_id ? -1 : 1)));
}

const worker = fc.nat({ max: 2 });
const some = fc.nat({ max: 20 });
const outcome = fc.constantFrom<Outcome>('success', 'failure', 'failure', 'discard', 'snooze', 'release');
const COMMANDS = [
  fc.nat({ max: 2 }).map((maxRetries) =>
    command(`enqueue with ${maxRetries} retries`, async (model, real) => {
      const items = JSON.stringify([{ name: 'j', job_type: 'custom', max_retries: maxRetries }]);
      const reply = await value<{ jobs: { job_id: string }[] }>(real.db, 'select cloud_jobs_enqueue($1)', [
        items,
      ]);
      real.jobIds.push(reply.jobs[0]?.job_id ?? '');
      model.queue.jobs.push({
        status: 'waiting',
        maxRetries,
        retries: 0,
        dueAt: model.now,
        holder: null,
        lockUntil: 0,
        cancelled: false,
      });
    }),
  ),
  fc.tuple(worker, fc.integer({ min: 1, max: 3 })).map(([who, limit]) =>
    send(`worker ${who} claims ${limit}`, (_, real) => {
      const number = real.requestIds.size;
      real.requestIds.set(number, randomUUID());
      return { kind: 'claim', number, worker: who, limit };
    }),
  ),
  // Mostly its own newest attempt, now and then any attempt of anybody.
  fc.tuple(worker, some, outcome, fc.boolean()).map(([who, which, how, own]) =>
    send(`worker ${who} ends attempt ${own ? 'of its own' : which} with ${how}`, (model) => {
      const all = [...model.queue.executions].filter(([, { worker: by }]) => !own || by === who);
      const execution = own ? all.at(-1)?.[0] : at(all, which)?.[0];
      return execution === undefined ? null : { kind: 'finish', worker: who, execution, outcome: how };
    }),
  ),
  fc.tuple(worker, some, fc.constantFrom(1, 60, 600)).map(([who, which, seconds]) =>
    send(`worker ${who} renews attempt ${which} for ${seconds} s`, (model) => {
      const execution = at([...model.queue.executions.keys()], which);
      return execution === undefined ? null : { kind: 'renew', worker: who, execution, seconds };
    }),
  ),
  some.map((which) =>
    command(`request ${which} comes again`, async (model, real) => {
      const sent = at(model.sent, which);
      if (sent) await carryOut(sent, model, real);
    }),
  ),
  fc.constantFrom(1, 40, 120, 400).map((seconds) =>
    command(`${seconds} s pass`, async (model, real) => {
      model.now += seconds * 1000;
      await real.db.query('update clock.hand set at = $1', [new Date(model.now)]);
    }),
  ),
  some.map((which) =>
    command(`job ${which} is cancelled`, async (model, real) => {
      const job = at(model.queue.jobs, which);
      if (job === undefined) return;
      await real.db.query('select cloud_jobs_cancel($1)', [idOf(real, model.queue.jobs.indexOf(job))]);
      if (job.status === 'locked') job.cancelled = true;
      if (job.status === 'waiting') job.status = 'failed';
    }),
  ),
];

let project: ClockProject;
beforeAll(async () => {
  project = await startClockProject();
  await project.sql('grant update on clock.hand to service_role');
});
afterAll(() => project?.stop());

it('rows equal the model after each call of three workers', async () => {
  await onConnections(project.adminUrl, 1, async ([db]) => {
    if (!db) throw new Error('no connection');
    await fc.assert(
      fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 60, size: 'max' }), async (commands) => {
        await project.sql('truncate cloud_jobs cascade');
        await project.setClock(START);
        await fc.asyncModelRun(
          () => ({
            model: { queue: { jobs: [], executions: new Map() }, now: START, sent: [], answers: new Map() },
            real: { db, jobIds: [], executionIds: new Map(), requestIds: new Map() },
          }),
          commands,
        );
      }),
      {
        numRuns: Number(process.env.PROPERTY_RUNS ?? 40),
        ...(process.env.PROPERTY_SEED ? { seed: Number(process.env.PROPERTY_SEED) } : {}),
      },
    );
  });
});
