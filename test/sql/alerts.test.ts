import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alertTakeReply } from '../../src/queue/control-replies.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { call, onConnections, queueOf } from './support.ts';

let project: TestProject;
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());

/** A queue with a channel of its own. */
function watched() {
  const q = queueOf(project);
  const channel = `test ${q.queue}`;
  const take = async (instance = 'w', more: object = {}) =>
    alertTakeReply.parse(
      await call(project, 'cloud_jobs_alert_take', {
        instance_id_param: instance,
        channel_param: channel,
        queues_param: [q.queue],
        ...more,
      }),
    ).alerts;
  const done = (results: readonly object[], instance = 'w') =>
    call(project, 'cloud_jobs_alert_done', {
      instance_id_param: instance,
      channel_param: channel,
      results_param: results,
    });
  /** Adds a job that fails for good. */
  const fail = async (name: string, error = 'boom') => {
    const id = await q.addOne({ name, max_retries: 0 });
    const job = await q.take('w');
    await q.end('w', job.execution_id, 'failure', { error });
    return id;
  };
  const outbox = () =>
    project.sql('select * from cloud_jobs_alert_outbox where channel = $1 order by created_at, alert_id', [
      channel,
    ]);
  const sendAll = async (more: object = {}) => {
    const sent = await take('w', more);
    await done(sent.map(({ id }) => ({ id, sent: true })));
    return sent;
  };
  return { q, channel, take, done, fail, outbox, sendAll };
}

describe('the outbox', () => {
  it('stays empty without a subscription to alerts', async () => {
    const { fail, outbox } = watched();
    await fail('a');
    expect(await outbox()).toEqual([]);
  });

  it('has a row for what fails for good, and none for what will be retried', async () => {
    const { q, take, outbox } = watched();
    await take();
    const id = await q.addOne({ name: 'report', max_retries: 1 });
    const first = await q.take('run 1', { run_url_param: 'https://github.com/o/r/actions/runs/1' });
    await q.end('run 1', first.execution_id, 'failure', { error: 'once' });
    expect(await outbox()).toEqual([]);
    await q.due(id);
    const second = await q.take('run 2', { run_url_param: 'https://github.com/o/r/actions/runs/2' });
    await q.end('run 2', second.execution_id, 'failure', { error: 'twice' });
    expect(await outbox()).toMatchObject([
      {
        subject: 'report',
        action: 'failed',
        job_id: id,
        error: 'twice',
        failure_kind: 'error',
        run_url: 'https://github.com/o/r/actions/runs/2',
        sent_at: null,
      },
    ]);
  });

  it('has a row for an occurrence of a schedule that fails for good', async () => {
    const { q, take, outbox } = watched();
    await take();
    await q.addOne({ name: 'hourly', schedule: '@hourly', max_retries: 0, run_at: new Date().toISOString() });
    const job = await q.take('w');
    await q.end('w', job.execution_id, 'failure', { error: 'x' });
    expect(await outbox()).toMatchObject([{ subject: 'hourly', failure_kind: 'error' }]);
  });

  it('has a row for a job that expires, and none for one that is cancelled', async () => {
    const { q, take, outbox } = watched();
    await take();
    const late = await q.addOne({ name: 'late', expires_in_seconds: 60 });
    const unwanted = await q.addOne({ name: 'unwanted' });
    await q.verb('cancel', unwanted);
    await project.sql(`update cloud_jobs set expires_at = now() - interval '1 s' where job_id = $1`, [late]);
    await q.claim('w');
    const running = await q.addOne({ name: 'running' });
    const job = await q.take('w');
    expect(job.job_id).toBe(running);
    await q.verb('cancel', running);
    await q.end('w', job.execution_id, 'failure', { error: 'stopped' });
    expect(await outbox()).toMatchObject([{ subject: 'late', failure_kind: 'expired' }]);
  });

  it('is written with the failure or not at all', async () => {
    const { q, take, outbox } = watched();
    await take();
    const id = await q.addOne({ name: 'a', max_retries: 0 });
    const job = await q.take('w');
    await onConnections(project.adminUrl, 1, async ([client]) => {
      await client?.query('begin');
      await client?.query('select cloud_jobs_finish($1, $2)', [
        'w',
        JSON.stringify([{ execution_id: job.execution_id, outcome: 'failure', error: 'x' }]),
      ]);
      await client?.query('rollback');
    });
    expect((await q.job(id)).status).toBe('locked');
    expect(await outbox()).toEqual([]);
  });
});

describe('taking alerts', () => {
  it('makes one message of all failures of a name', async () => {
    const { take, fail } = watched();
    await take();
    await fail('a', 'first');
    await fail('b');
    await fail('a', 'last');
    const alerts = await take();
    expect(alerts).toMatchObject([
      { subject: 'b', failures: 1 },
      { action: 'failed', subject: 'a', failures: 2, error: 'last', is_new: true, issue_number: null },
    ]);
  });

  it('hands an alert to one worker until its lease has passed', async () => {
    const { channel, take, fail } = watched();
    await take();
    await fail('a');
    const first = await take('one');
    await fail('a', 'later');
    expect(await take('one')).toEqual(first);
    expect(await take('two')).toEqual([]);
    await project.sql(
      `update cloud_jobs_alert_outbox set leased_until = now() - interval '1 s' where channel = $1 and leased_until is not null`,
      [channel],
    );
    expect(await take('two')).toEqual(first);
  });

  it('goes on after what was sent, and counts on', async () => {
    const { take, fail, sendAll } = watched();
    await take();
    await fail('a');
    await fail('a');
    await sendAll();
    expect(await take()).toEqual([]);
    await fail('a');
    expect(await take()).toMatchObject([{ failures: 3, is_new: false }]);
  });

  it('waits before it tries again what could not be sent', async () => {
    const { take, done, fail, outbox, channel } = watched();
    await take();
    await fail('a');
    const [alert] = await take();
    await done([{ id: alert?.id, sent: false, error: 'HTTP 500', retry_seconds: 60 }]);
    expect(await take()).toEqual([]);
    expect(await outbox()).toMatchObject([{ attempts: 1, last_error: 'HTTP 500', sent_at: null }]);
    await project.sql('update cloud_jobs_alert_outbox set next_at = now() where channel = $1', [channel]);
    expect(await take()).toEqual([alert]);
  });

  it('records nothing twice, and nothing for a worker that does not hold it', async () => {
    const { take, done, fail, outbox } = watched();
    await take();
    await fail('a');
    const [alert] = await take('one');
    const results = [{ id: alert?.id, sent: true, issue_number: 7 }];
    expect(await done(results, 'two')).toMatchObject({ recorded: 0 });
    expect(await done(results, 'one')).toMatchObject({ recorded: 1 });
    expect(await done(results, 'one')).toMatchObject({ recorded: 0 });
    expect(await outbox()).toMatchObject([{ attempts: 1 }]);
    await fail('a');
    expect(await take('two')).toMatchObject([{ issue_number: 7 }]);
  });

  it('holds back more about a job that is known to fail', async () => {
    const { take, fail, sendAll, q } = watched();
    const hold = { hold_param: '1 hour' };
    await take('w', hold);
    await fail('a');
    await sendAll(hold);
    await fail('a');
    expect(await take('w', hold)).toEqual([]);
    await q.addOne({ name: 'a' });
    await q.end('w', (await q.take('w')).execution_id, 'success');
    expect(await sendAll(hold)).toMatchObject([{ action: 'failed', failures: 2 }]);
    expect(await sendAll(hold)).toMatchObject([{ action: 'recovered' }]);
  });

  it('refuses a queue outside of the key, and unusable arguments', async () => {
    const { take } = watched();
    for (const more of [
      { instance_id_param: '' },
      { channel_param: '' },
      { queues_param: [] },
      { warnings_param: {} },
    ])
      await expect(take('w', more)).rejects.toMatchObject({ status: 400 });
  });
});

describe('a name that succeeds again', () => {
  it('is reported once: the same job that is run again', async () => {
    const { take, fail, sendAll, q } = watched();
    await take();
    const id = await fail('a');
    await sendAll();
    await q.verb('retry', id);
    await q.end('w', (await q.take('w')).execution_id, 'success');
    expect(await sendAll()).toMatchObject([{ action: 'recovered', subject: 'a' }]);
    expect(await sendAll()).toEqual([]);
  });

  it('is reported for the next occurrence of a schedule', async () => {
    const { take, sendAll, q } = watched();
    await take();
    const id = await q.addOne({
      name: 'h',
      schedule: '* * * * *',
      max_retries: 0,
      run_at: new Date().toISOString(),
    });
    await q.end('w', (await q.take('w')).execution_id, 'failure', { error: 'x' });
    await sendAll();
    await q.verb('retry', id);
    await q.end('w', (await q.take('w')).execution_id, 'success');
    expect(await sendAll()).toMatchObject([{ action: 'recovered', job_id: id }]);
  });

  it('is not reported while it fails, nor for a success before the failure', async () => {
    const { take, fail, sendAll, q } = watched();
    await take();
    await q.addOne({ name: 'a' });
    await q.end('w', (await q.take('w')).execution_id, 'success');
    await fail('a');
    await sendAll();
    expect(await take()).toEqual([]);
    await fail('a');
    expect(await sendAll()).toMatchObject([{ action: 'failed' }]);
  });

  it('starts anew when it fails once more', async () => {
    const { take, fail, sendAll, q } = watched();
    await take();
    await fail('a');
    await sendAll();
    await q.addOne({ name: 'a' });
    await q.end('w', (await q.take('w')).execution_id, 'success');
    await sendAll();
    await fail('a');
    expect(await sendAll()).toMatchObject([{ action: 'failed', failures: 1, is_new: true }]);
  });
});

it('a warning of a run is an alert that passes after a day', async () => {
  const { channel, sendAll, take } = watched();
  expect(await sendAll({ warnings_param: [{ subject: 'Workers', error: 'late' }] })).toMatchObject([
    { kind: 'run', subject: 'Workers', error: 'late', failures: 1 },
  ]);
  expect(await take()).toEqual([]);
  await project.sql(
    `update cloud_jobs_alert_subjects set last_failed_at = now() - interval '25 hours' where channel = $1`,
    [channel],
  );
  expect(await take()).toMatchObject([{ action: 'recovered', kind: 'run' }]);
});

it('eight workers at once take each alert once', async () => {
  const { q, channel, take, fail } = watched();
  await take();
  for (let n = 0; n < 12; n += 1) await fail(`job ${n}`);
  const taken: string[] = [];
  await onConnections(project.adminUrl, 8, async (clients) => {
    await Promise.all(
      clients.map(async (client, index) => {
        const { rows } = await client.query('select cloud_jobs_alert_take($1, $2, $3) as reply', [
          `w${index}`,
          channel,
          [q.queue],
        ]);
        taken.push(...rows[0].reply.alerts.map((alert: { subject: string }) => alert.subject));
      }),
    );
  });
  expect(taken.length).toBe(12);
  expect(new Set(taken).size).toBe(12);
});
