import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { onConnections, STRANDED, value } from './support.ts';

/**
 * The state machine as a pure model, and random sequences of what can happen run against both. The model knows no
 * blocked jobs, no indexes and no triggers: only that of each key one job is locked, and that the first due one goes.
 */
interface Job {
  readonly id: string;
  readonly priority: number;
  key: string | null;
  status: 'waiting' | 'locked' | 'success' | 'failed' | 'disabled';
  retries: number;
  /** Place in the order of due times; null: due later than any test lasts. */
  due: number | null;
  execution: string | null;
  cancel: boolean;
  /** A worker died over this occurrence before. */
  lost: boolean;
}
const MAX_RETRIES = 1;
const TYPES = ['custom', 'maintenance'];

class Model {
  readonly jobs: Job[] = [];
  private clock = 0;
  /** A later time than all before, as the database's now(). */
  now(): number {
    this.clock += 1;
    return this.clock;
  }
  /** Ids of the jobs that a claim must give, in order. */
  claim(limit: number): Job[] {
    const busy = new Set(this.jobs.filter((job) => job.status === 'locked').map((job) => job.key));
    const taken: Job[] = [];
    const due = this.jobs.filter((job) => job.status === 'waiting' && job.due !== null);
    for (const job of due.sort((a, b) => a.priority - b.priority || Number(a.due) - Number(b.due))) {
      if (taken.length === limit) break;
      if (job.key !== null && busy.has(job.key)) continue;
      busy.add(job.key);
      taken.push(job);
    }
    return taken;
  }
  end(job: Job, outcome: string): void {
    const retry = (outcome === 'failure' || outcome === 'lost') && job.retries < MAX_RETRIES;
    const again = outcome === 'release' || outcome === 'snooze';
    const now = this.now();
    if (outcome === 'success') job.status = 'success';
    else if (job.cancel) job.status = 'failed';
    else if (again) Object.assign(job, { status: 'waiting', due: outcome === 'release' ? now : null });
    else if (retry) {
      // Due at once if it is lost for the first time.
      const due = outcome === 'lost' && !job.lost ? now : null;
      Object.assign(job, { status: 'waiting', due, retries: job.retries + 1 });
    } else job.status = 'failed';
    Object.assign(job, { execution: null, cancel: false, lost: job.lost || outcome === 'lost' });
  }
}

type Step =
  | { readonly do: 'enqueue'; readonly key: number; readonly priority: number; readonly type: number }
  | { readonly do: 'claim'; readonly limit: number }
  | { readonly do: 'finish'; readonly at: number; readonly outcome: string; readonly next: number }
  | {
      readonly do: 'expire' | 'cancel' | 'disable' | 'enable' | 'retry' | 'delete' | 'due' | 'putOff';
      readonly at: number;
    }
  | { readonly do: 'rekey'; readonly at: number; readonly key: number };

const at = fc.nat({ max: 30 });
const key = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('enqueue' as const),
      key,
      priority: fc.integer({ min: -1, max: 1 }),
      type: fc.nat({ max: 1 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('claim' as const), limit: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('finish' as const),
      at,
      outcome: fc.constantFrom('success', 'failure', 'discard', 'snooze', 'release'),
      next: fc.nat({ max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'expire' as const,
        'cancel' as const,
        'disable' as const,
        'enable' as const,
        'retry' as const,
        'delete' as const,
        'due' as const,
        'putOff' as const,
      ),
      at,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rekey' as const), at, key }) },
);
const keyName = (n: number) => (n === 0 ? null : `k${n}`);

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** Runs one step on the database and on the model. */
async function apply(db: pg.Client, model: Model, one: Step): Promise<void> {
  const args = JSON.stringify({ limit: 1, queues: ['default'], job_types: TYPES });
  const take = (jobs: { job_id: string; execution_id: string }[], limit: number) => {
    const expected = model.claim(limit);
    expect(jobs.map((job) => job.job_id)).toEqual(expected.map((job) => job.id));
    for (const [index, job] of expected.entries()) {
      Object.assign(job, { status: 'locked', execution: jobs[index]?.execution_id, cancel: false });
    }
  };
  if (one.do === 'enqueue') {
    const due = model.now();
    const item = {
      name: 'j',
      job_type: TYPES[one.type],
      priority: one.priority,
      concurrency_key: keyName(one.key),
      max_retries: MAX_RETRIES,
    };
    const reply = await value<{ jobs: { job_id: string }[] }>(db, 'select cloud_jobs_enqueue($1)', [
      JSON.stringify([item]),
    ]);
    model.jobs.push({
      id: reply.jobs[0]?.job_id ?? '',
      priority: one.priority,
      key: keyName(one.key),
      status: 'waiting',
      retries: 0,
      lost: false,
      due,
      execution: null,
      cancel: false,
    });
    return;
  }
  if (one.do === 'claim') {
    take(
      (
        await value<{ jobs: [] }>(db, `select cloud_jobs_claim('w', $1, job_types_param => $2)`, [
          one.limit,
          TYPES,
        ])
      ).jobs,
      one.limit,
    );
    return;
  }
  const some = model.jobs.filter((job) =>
    one.do === 'finish' || one.do === 'expire'
      ? job.status === 'locked'
      : one.do === 'due' || one.do === 'putOff'
        ? job.status === 'waiting'
        : true,
  );
  const job = some[one.at % some.length];
  if (job === undefined) return;
  const verb = (name: string) => db.query(`select cloud_jobs_${name}($1)`, [job.id]);
  switch (one.do) {
    case 'finish': {
      const items = [
        {
          execution_id: job.execution,
          outcome: one.outcome,
          delay_seconds: one.outcome === 'snooze' ? 9999 : undefined,
        },
      ];
      const claim = one.next > 0 ? JSON.stringify({ ...JSON.parse(args), limit: one.next }) : null;
      const reply = await value<{ finished: { applied: boolean }[]; claim: { jobs: [] } }>(
        db,
        `select cloud_jobs_finish('w', $1, $2)`,
        [JSON.stringify(items), claim],
      );
      expect(reply.finished[0]?.applied).toBe(true);
      model.end(job, one.outcome);
      if (one.next > 0) take(reply.claim.jobs, one.next);
      return;
    }
    case 'expire':
      await db.query(`update cloud_jobs set lock_expires_at = now() - interval '1 s' where job_id = $1`, [
        job.id,
      ]);
      expect(await value(db, `select cloud_jobs_expire('{default}', $1)`, [TYPES])).toBe(1);
      return model.end(job, 'lost');
    case 'cancel':
      await verb('cancel');
      if (job.status === 'locked') job.cancel = true;
      if (job.status === 'waiting') job.status = 'failed';
      return;
    case 'disable':
      await verb('disable');
      if (job.status === 'waiting') job.status = 'disabled';
      return;
    case 'enable':
      await verb('enable');
      if (job.status === 'disabled')
        Object.assign(job, {
          status: 'waiting',
          due: job.due === null ? null : model.now(),
          retries: 0,
          lost: false,
        });
      return;
    case 'retry':
      await verb('retry');
      if (job.status === 'success' || job.status === 'failed')
        Object.assign(job, { status: 'waiting', due: model.now(), retries: 0, lost: false });
      else if (job.status === 'waiting' && job.due === null) job.due = model.now();
      return;
    case 'delete':
      await verb('delete');
      if (job.status !== 'locked') model.jobs.splice(model.jobs.indexOf(job), 1);
      return;
    case 'due':
      await db.query(`update cloud_jobs set run_at = now() where job_id = $1`, [job.id]);
      job.due = model.now();
      return;
    case 'putOff':
      await db.query(`update cloud_jobs set run_at = now() + interval '1 h' where job_id = $1`, [job.id]);
      job.due = null;
      return;
    case 'rekey': {
      const other = keyName(one.key);
      if (
        job.status === 'locked' &&
        other !== null &&
        model.jobs.some((held) => held !== job && held.status === 'locked' && held.key === other)
      )
        return;
      await db.query(`update cloud_jobs set concurrency_key = $2 where job_id = $1`, [job.id, other]);
      job.key = other;
    }
  }
}

it('any interleaving of claims, ends and table writes > does what the model does', {
  timeout: 240_000,
}, async () => {
  await onConnections(project.adminUrl, 1, async ([db]) => {
    if (!db) throw new Error('no connection');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
        await project.sql('truncate cloud_jobs cascade');
        const model = new Model();
        for (const one of steps) {
          await apply(db, model, one);
          const { rows } = await db.query(
            `select job_id, status, current_retries, concurrency_key from cloud_jobs order by job_id`,
          );
          const expected = model.jobs.map((job) => ({
            job_id: job.id,
            status: job.status,
            current_retries: job.retries,
            concurrency_key: job.key,
          }));
          expect(rows).toEqual(expected.sort((a, b) => (a.job_id < b.job_id ? -1 : 1)));
          expect((await db.query(STRANDED)).rows).toEqual([]);
        }
        // Nobody starves: everything that is due gets done.
        for (let round = 0; ; round += 1) {
          const held = model.jobs.filter((job) => job.status === 'locked');
          for (const [index] of held.entries())
            await apply(db, model, { do: 'finish', at: 0 * index, outcome: 'success', next: 0 });
          await apply(db, model, { do: 'claim', limit: 3 });
          if (!model.jobs.some((job) => job.status === 'locked')) break;
          expect(round).toBeLessThan(steps.length + 1);
        }
        expect(
          (await db.query(`select from cloud_jobs where status = 'waiting' and run_at <= now()`)).rows,
        ).toEqual([]);
        const open = `select from cloud_job_executions e join cloud_jobs j using (job_id) where e.status = 'running' and j.locked_execution_id is distinct from e.execution_id`;
        expect((await db.query(open)).rows).toEqual([]);
      }),
      {
        numRuns: Number(process.env.PROPERTY_RUNS ?? 60),
        ...(process.env.PROPERTY_SEED ? { seed: Number(process.env.PROPERTY_SEED) } : {}),
      },
    );
  });
});
