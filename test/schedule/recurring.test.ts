import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ClockProject, startClockProject } from '../support/clock.ts';

let project: ClockProject;
beforeAll(async () => {
  project = await startClockProject();
});
afterAll(() => project.stop());

const NOON = Date.parse('2026-05-13T12:00:00Z');
const MINUTE = 60_000;
beforeEach(async () => {
  await project.sql('truncate cloud_jobs cascade');
  await project.setClock(NOON);
});

interface Row extends Record<string, unknown> {
  readonly job_id: string;
  readonly status: string;
  readonly run_at: Date;
}

const at = (time: string): Date => new Date(`2026-05-${time}:00Z`);

async function insert(columns: string, values: string): Promise<Row> {
  const [row] = await project.sql<Row>(
    `insert into cloud_jobs (name, job_type, ${columns}) values ('j', 'custom', ${values}) returning *`,
  );
  if (!row) throw new Error('nothing was inserted');
  return row;
}

async function job(id: string): Promise<Row> {
  const [row] = await project.sql<Row>('select * from cloud_jobs where job_id = $1', [id]);
  if (!row) throw new Error(`there is no job ${id}`);
  return row;
}

async function claim(): Promise<{ execution_id: string; scheduled_for: string } | undefined> {
  const [row] = await project.sql<{ reply: { jobs: { execution_id: string; scheduled_for: string }[] } }>(
    "select cloud_jobs_claim('w', 1) as reply",
  );
  return row?.reply.jobs[0];
}

async function finish(execution: string | undefined, outcome: string): Promise<void> {
  await project.sql("select cloud_jobs_finish('w', $1)", [
    JSON.stringify([{ execution_id: execution, outcome }]),
  ]);
}

const call = async (text: string, id: string): Promise<Record<string, unknown>> =>
  (await project.sql<{ reply: Record<string, unknown> }>(`select ${text} as reply`, [id]))[0]?.reply ?? {};

describe('a recurring job written by plain SQL', () => {
  it('is due at the next occurrence, in UTC unless it says otherwise', async () => {
    expect(await insert('schedule', "'30 6 * * *'")).toMatchObject({
      timezone: 'UTC',
      run_at: at('14T06:30'),
      scheduled_for: at('14T06:30'),
    });
    expect(await insert('schedule, timezone', "'30 6 * * *', 'America/New_York'")).toMatchObject({
      run_at: at('14T10:30'),
    });
    const [row] = await project.sql<{ id: string }>(
      "select cloud_jobs_create('c', 'custom', schedule_param => '@hourly', missed_param => 'all') as id",
    );
    expect(await job(row?.id ?? '')).toMatchObject({ run_at: at('13T13:00'), missed: 'all' });
  });

  it('can be written by a trigger of a table of the user, and by a select', async () => {
    await project.sql(`
      create table orders (id integer);
      create function remind() returns trigger language plpgsql as $$
      begin
        perform cloud_jobs_create('Remind ' || new.id, 'custom', '{"handler": "remind"}', schedule_param => '0 9 * * mon');
        insert into cloud_jobs (name, job_type, schedule) values ('Watch ' || new.id, 'custom', '*/5 * * * *');
        return new;
      end $$;
      create trigger remind after insert on orders for each row execute function remind()`);
    await project.sql('grant insert on orders to service_role');
    // As the application's server writes it, through the Data API's role.
    await project.sql('begin; set local role service_role; insert into orders values (1), (2); commit');
    await project.sql(
      `select cloud_jobs_create('Selected ' || n, 'custom', schedule_param => '@hourly') from generate_series(1, 2) n`,
    );
    expect(
      await project.sql('select name, run_at, scheduled_for = run_at as anchored from cloud_jobs order by 1'),
    ).toEqual(
      [
        ['Remind 1', '18T09:00'],
        ['Remind 2', '18T09:00'],
        ['Selected 1', '13T13:00'],
        ['Selected 2', '13T13:00'],
        ['Watch 1', '13T12:05'],
        ['Watch 2', '13T12:05'],
      ].map(([name, due]) => ({ name, run_at: at(due ?? ''), anchored: true })),
    );
    await project.sql('drop table orders; drop function remind');
  });

  it('keeps a first occurrence that the writer chose', async () => {
    expect(await insert('schedule, run_at', "'@daily', '2026-05-13 12:30Z'")).toMatchObject({
      run_at: at('13T12:30'),
      scheduled_for: at('13T12:30'),
    });
  });

  it.each([
    ["'every day', 'UTC'", /has a schedule that is not valid: it has 2 fields and not 5/],
    ["'0 25 * * *', 'UTC'", /its hour, "25", is outside of 0 to 23/],
    ["'0 0 31 4 *', 'UTC'", /is never due/],
    ["'5-1 * * * *', 'UTC'", /range that runs backwards/],
    ["'*/0 * * * *', 'UTC'", /a step that is not 1 to 60/],
    ["'0 0 L * *', 'UTC'", /its day of month, "l", cannot be read/],
    ["'@reboot', 'UTC'", /"@reboot" is not a nickname/],
    ["'@daily', 'Atlantis'", /time zone "Atlantis", which this database does not know/],
  ])('is refused with the reason: %s', async (values, message) => {
    await expect(insert('schedule, timezone', values)).rejects.toThrow(message);
    expect(await project.sql('select 1 from cloud_jobs')).toEqual([]);
  });

  it("moves to a new schedule's next occurrence and drops the old retry", async () => {
    const { job_id } = await insert('schedule', "'0 12 * * *'");
    await project.setClock(NOON + 86_400_000);
    await finish((await claim())?.execution_id, 'failure');
    expect(await job(job_id)).toMatchObject({ status: 'waiting', current_retries: 1 });
    await project.sql("update cloud_jobs set schedule = '0 18 * * *'");
    expect(await job(job_id)).toMatchObject({
      run_at: at('14T18:00'),
      current_retries: 0,
      error_message: null,
    });
    await project.sql("update cloud_jobs set timezone = 'Europe/Berlin'");
    expect(await job(job_id)).toMatchObject({ run_at: at('14T16:00') });
    await expect(project.sql("update cloud_jobs set schedule = 'nonsense'")).rejects.toThrow(
      /has a schedule that/,
    );
  });

  it('ends with an error if its schedule can no longer be evaluated', async () => {
    const { job_id } = await insert('schedule', "'0 13 * * *'");
    // A time zone that was abolished, or one that another version of Postgres knew.
    await project.sql(
      "alter table cloud_jobs disable trigger cloud_jobs_anchor_update; update cloud_jobs set timezone = 'Gone/Zone'; alter table cloud_jobs enable trigger cloud_jobs_anchor_update",
    );
    await project.setClock(NOON + 61 * MINUTE);
    await finish((await claim())?.execution_id, 'success');
    expect(await job(job_id)).toMatchObject({
      status: 'failed',
      error_message: expect.stringMatching(
        /"0 13 \* \* \*" in Gone\/Zone cannot be evaluated, so it has ended/,
      ),
    });
  });
});

describe('an execution of a recurring job', () => {
  it('gives every attempt the occurrence that it is for', async () => {
    const { job_id } = await insert('schedule', "'@hourly'");
    await project.setClock(NOON + 63 * MINUTE);
    const first = await claim();
    expect(first?.scheduled_for).toBe('2026-05-13T13:00:00+00:00');
    await finish(first?.execution_id, 'failure');
    await project.setClock(NOON + 70 * MINUTE);
    const second = await claim();
    expect(second?.scheduled_for).toBe('2026-05-13T13:00:00+00:00');
    await finish(second?.execution_id, 'success');
    const rows = await project.sql(
      'select scheduled_for, attempt, next_run_at from cloud_job_executions order by started_at',
    );
    expect(rows).toMatchObject([
      { scheduled_for: at('13T13:00'), attempt: 1 },
      { scheduled_for: at('13T13:00'), attempt: 2, next_run_at: at('13T14:00') },
    ]);
    expect(await job(job_id)).toMatchObject({ run_at: at('13T14:00'), occurrence: 2, current_retries: 0 });
  });

  it('that no worker came for is recorded as skipped, with how many and why', async () => {
    const { job_id } = await insert('schedule, missed, missed_grace_seconds', "'*/10 * * * *', 'skip', 240");
    await project.setClock(NOON + 35 * MINUTE);
    // 12:10 and 12:20 and 12:30 have passed, the last of them five minutes ago.
    expect(await claim()).toBeUndefined();
    expect(
      await project.sql(
        'select status, failure_kind, error_message, scheduled_for from cloud_job_executions',
      ),
    ).toEqual([
      {
        status: 'failed',
        failure_kind: 'skipped',
        scheduled_for: at('13T12:10'),
        error_message:
          'Skipped 3 occurrences from 2026-05-13 12:10 to 2026-05-13 12:30 UTC: no worker came within the grace of 240 s.',
      },
    ]);
    expect(await job(job_id)).toMatchObject({ status: 'waiting', run_at: at('13T12:40') });
    await project.setClock(NOON + 43 * MINUTE);
    expect((await claim())?.scheduled_for).toBe('2026-05-13T12:40:00+00:00');
  });

  it('that was begun is never skipped: retries are late for another reason', async () => {
    await insert('schedule, missed, missed_grace_seconds', "'@hourly', 'skip', 60");
    await project.setClock(NOON + 60.5 * MINUTE);
    await finish((await claim())?.execution_id, 'failure');
    await project.setClock(NOON + 90 * MINUTE);
    expect((await claim())?.scheduled_for).toBe('2026-05-13T13:00:00+00:00');
  });
});

it('gives the reason if a skipped occurrence has no next one', async () => {
  const { job_id } = await insert('schedule, missed, missed_grace_seconds', "'@hourly', 'skip', 60");
  await project.sql(
    "alter table cloud_jobs disable trigger cloud_jobs_anchor_update; update cloud_jobs set timezone = 'Gone/Zone'; alter table cloud_jobs enable trigger cloud_jobs_anchor_update",
  );
  await project.setClock(NOON + 90 * MINUTE);
  expect(await claim()).toBeUndefined();
  expect(await job(job_id)).toMatchObject({
    status: 'failed',
    error_message: expect.stringContaining('in Gone/Zone cannot be evaluated, so it has ended'),
  });
  expect(await project.sql('select failure_kind, scheduled_for from cloud_job_executions')).toEqual([
    { failure_kind: 'skipped', scheduled_for: at('13T13:00') },
  ]);
});

describe('verbs on a recurring job', () => {
  it('disable takes effect when the run ends, and enable takes it back', async () => {
    const { job_id } = await insert('schedule', "'@hourly'");
    await project.setClock(NOON + 60 * MINUTE);
    const held = await claim();
    expect(await call('cloud_jobs_disable($1)', job_id)).toMatchObject({
      applied: true,
      changed: true,
      status: 'locked',
    });
    expect(await call('cloud_jobs_enable($1)', job_id)).toMatchObject({ applied: true, changed: true });
    await call('cloud_jobs_disable($1)', job_id);
    await finish(held?.execution_id, 'success');
    expect(await job(job_id)).toMatchObject({ status: 'disabled', disable_requested_at: null });
    await project.setClock(NOON + 300.5 * MINUTE);
    expect(await claim()).toBeUndefined();
    await call('cloud_jobs_enable($1)', job_id);
    // What came while it was disabled was not missed.
    expect(await job(job_id)).toMatchObject({ status: 'waiting', run_at: at('13T18:00') });
  });

  it('retry runs it now, and its next occurrence all the same', async () => {
    const { job_id } = await insert('schedule', "'@hourly'");
    await project.setClock(NOON + 20 * MINUTE);
    await call('cloud_jobs_retry($1)', job_id);
    const held = await claim();
    expect(held?.scheduled_for).toBe('2026-05-13T12:20:00+00:00');
    await finish(held?.execution_id, 'success');
    expect(await job(job_id)).toMatchObject({ run_at: at('13T13:00') });
  });

  it.each([
    ['that waits for its time', 20],
    ['that is due', 60.5],
  ])('retry of one %s: is not skipped, however late', async (_, minutes) => {
    const { job_id } = await insert('schedule, missed, missed_grace_seconds', "'@hourly', 'skip', 60");
    await project.setClock(NOON + minutes * MINUTE);
    await call('cloud_jobs_retry($1)', job_id);
    await project.setClock(NOON + (minutes + 30) * MINUTE);
    expect(await claim()).toBeDefined();
    expect(await project.sql('select failure_kind from cloud_job_executions')).toEqual([]);
  });

  it('enable of one that waited for a retry: waits for its next occurrence', async () => {
    const { job_id } = await insert('schedule, missed', "'@hourly', 'all'");
    await project.setClock(NOON + 60 * MINUTE);
    const held = await claim();
    await project.sql("select cloud_jobs_finish('w', $1)", [
      JSON.stringify([{ execution_id: held?.execution_id, outcome: 'snooze', delay_seconds: 600 }]),
    ]);
    await call('cloud_jobs_disable($1)', job_id);
    await call('cloud_jobs_enable($1)', job_id);
    expect(await job(job_id)).toMatchObject({
      run_at: at('13T14:00'),
      scheduled_for: at('13T14:00'),
      occurrence: 2,
    });
  });
});

describe('the retries of an occurrence', () => {
  /** Fails every attempt for some hours, with a worker that comes every minute. */
  async function failFor(hours: number): Promise<void> {
    for (let minute = 60; minute <= 60 + hours * 60; minute++) {
      await project.setClock(NOON + minute * MINUTE);
      const held = await claim();
      if (held) await finish(held.execution_id, 'failure');
    }
  }

  it.each(['once', 'skip', 'all'])(
    'end when the next one is due, and the rest is recorded: %s',
    async (missed) => {
      await insert('schedule, max_retries, missed', `'@hourly', 10, '${missed}'`);
      await failFor(3);
      const rows = await project.sql<{ scheduled_for: Date; attempts: number; last: string; left: number }>(
        `select scheduled_for, count(*)::int as attempts, (array_agg(error_message order by attempt desc))[1] as last,
         max((error_details->>'retries_left_out')::int) as left
       from cloud_job_executions where failure_kind = 'error' group by scheduled_for order by scheduled_for`,
      );
      expect(rows.slice(0, 3).map((row) => row.scheduled_for)).toEqual([
        at('13T13:00'),
        at('13T14:00'),
        at('13T15:00'),
      ]);
      for (const { attempts, last, left } of rows.slice(0, 3)) {
        // 30 s, 1, 2, 4, 8, 16 minutes; the seventh retry would come after an hour.
        expect(attempts).toBeGreaterThanOrEqual(6);
        expect(attempts).toBeLessThanOrEqual(8);
        expect(left).toBe(11 - attempts);
        expect(last).toMatch(
          /\d retries are left out: the next occurrence is due at 2026-05-13 1[456]:00 UTC/,
        );
      }
    },
  );

  it('of a late one are counted from its start', async () => {
    const { job_id } = await insert('schedule, max_retries', `'@hourly', 10`);
    await project.setClock(NOON + 5 * 60 * MINUTE + 30 * MINUTE);
    await finish((await claim())?.execution_id, 'failure');
    expect(await job(job_id)).toMatchObject({ current_retries: 1, scheduled_for: at('13T13:00') });
  });

  it('do not end early for a job that does not recur', async () => {
    const { job_id } = await insert('max_retries', '10');
    await failFor(2);
    expect(await job(job_id)).toMatchObject({
      status: 'waiting',
      current_retries: expect.toSatisfy((n) => n >= 7),
    });
  });
});
