import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isSignedCall } from '../../src/hosts/wake-signature.ts';
import { type ClockProject, startClockProject } from '../support/clock.ts';
import { onClock } from '../support/clock-sql.ts';
import { installExtensions, sendRequests } from '../support/extensions.ts';
import { type GitHubServer, startGitHubServer } from '../support/github-server.ts';
import { startTestProject } from '../support/stack.ts';

const WAKE = readFileSync(new URL('../../sql/optional/wake.sql', import.meta.url), 'utf8');
/** On the clock that the test sets. */
const CLOCKED = onClock(WAKE);
const START = Date.parse('2026-11-02T10:00:30Z');
const MINUTE = 60_000;

let project: ClockProject;
let github: GitHubServer;
let now = START;
beforeAll(async () => {
  [project, github] = await Promise.all([startClockProject(), startGitHubServer()]);
  await installExtensions(project);
  await project.asPostgres(CLOCKED);
});
afterAll(() => Promise.all([project.stop(), github.stop()]));
beforeEach(async () => {
  now = START;
  await project.setClock(now);
  await project.sql(
    'truncate cloud_jobs, cloud_job_workers, cloud_jobs_wake.watched, cloud_jobs_wake.call, vault.secrets, net._http_response, net.http_request_queue cascade',
  );
  await project.asPostgres(`
    select vault.create_secret('${github.token}', 'cloud_jobs_github_token');
    select cloud_jobs_wake.watch('default', 'octo/consumer', api_url_param => '${github.url}/');`);
});
afterEach(() => {
  github.requests.length = 0;
  github.faults.length = 0;
});

const add = (name: string, more = '') =>
  project.sql(`select cloud_jobs_create($1, 'custom'${more}) as id`, [name]);
const claim = (worker: string, limit = 1) =>
  project.sql<{ reply: { jobs: { execution_id: string }[] } }>('select cloud_jobs_claim($1, $2) as reply', [
    worker,
    limit,
  ]);
const pass = async (minutes: number) => {
  now += minutes * MINUTE;
  await project.setClock(now);
};
/** What pg_cron runs each minute, and what pg_net does with it. */
async function minute(timeoutMs?: number): Promise<{ collected: number; calls: number }> {
  const [job] = await project.sql<{ command: string }>(
    `select command from cron.job where jobname = 'cloud-jobs-wake'`,
  );
  const [row] = await project.asPostgres(job?.command ?? '');
  await sendRequests(project, timeoutMs);
  return (row as { tick: { collected: number; calls: number } }).tick;
}
const calls = () =>
  project.sql(
    'select target, queues, http_status, error, answered_at is not null as answered from cloud_jobs_wake.call order by call_id',
  );
const watched = async () =>
  (
    await project.sql<{ errors: number; in_vain: number; wait: number }>(
      'select errors, in_vain, extract(epoch from next_call_at - clock.now())::int as wait from cloud_jobs_wake.watched',
    )
  )[0];

describe('when it calls', () => {
  it('calls GitHub as documented when a job is due, and records the answer', async () => {
    await add('later', `, run_at_param => clock.now() + interval '1 min'`);
    expect(await minute()).toEqual({ collected: 0, calls: 0 });
    expect(github.requests).toEqual([]);
    await pass(1);
    expect(await minute()).toEqual({ collected: 0, calls: 1 });
    expect(github.requests).toEqual([
      {
        method: 'POST',
        path: '/repos/octo/consumer/dispatches',
        headers: expect.objectContaining({
          accept: 'application/vnd.github+json',
          authorization: `Bearer ${github.token}`,
          'content-type': 'application/json',
          // pg_net adds its own, and a second one would be sent beside it.
          'user-agent': 'pg_net/0.20.0',
          'x-github-api-version': '2022-11-28',
        }),
        body: { event_type: 'cloud-jobs', client_payload: { queues: ['default'] } },
      },
    ]);
    expect(await calls()).toEqual([
      { target: 'octo/consumer', queues: ['default'], http_status: null, error: null, answered: false },
    ]);
    await pass(1);
    expect(await minute()).toEqual({ collected: 1, calls: 0 });
    expect(await calls()).toEqual([
      { target: 'octo/consumer', queues: ['default'], http_status: 204, error: null, answered: true },
    ]);
  });

  it('does not call while a worker is there, and calls when it is gone', async () => {
    await add('first');
    await minute();
    await claim('octo/consumer/1');
    await add('second');
    // The cool-down is over, the worker holds a lock that it renews.
    for (const _ of [1, 2, 3]) {
      await pass(4);
      await project.sql(
        `update cloud_jobs set lock_expires_at = clock.now() + interval '5 min' where status = 'locked'`,
      );
      expect((await minute()).calls).toBe(0);
    }
    // It dies: its lock expires, and both jobs are due.
    await pass(6);
    expect((await minute()).calls).toBe(1);
  });

  it('starts no runner for a queue that is paused or at its limit', async () => {
    const set = (settings: object) =>
      project.sql(`select cloud_jobs_set_queue('default', $1)`, [JSON.stringify(settings)]);
    try {
      await add('first');
      await set({ paused: true });
      expect((await minute()).calls).toBe(0);
      await set({ paused: false, rate_limit: 1, rate_period_seconds: 3600 });
      const [claimed] = await claim('octo/consumer/1');
      await project.sql(`select cloud_jobs_finish('octo/consumer/1', $1)`, [
        JSON.stringify([{ execution_id: claimed?.reply.jobs[0]?.execution_id, outcome: 'success' }]),
      ]);
      await add('second');
      await pass(30);
      expect((await minute()).calls).toBe(0);
      await pass(40);
      expect((await minute()).calls).toBe(1);
    } finally {
      await project.sql('truncate cloud_jobs_queues');
    }
  });

  it('a run that plans vouches for the workers that it is about to start', async () => {
    await add('first');
    await project.sql(`select cloud_jobs_plan('planner')`);
    await pass(1);
    expect((await minute()).calls).toBe(0);
    // They did not come.
    await pass(1);
    expect((await minute()).calls).toBe(1);
  });

  it('a lock alone is enough reason once it has expired', async () => {
    await add('only');
    await claim('octo/consumer/1');
    await pass(4.9);
    expect((await minute()).calls).toBe(0);
    await pass(0.2);
    expect((await minute()).calls).toBe(1);
  });

  it('counts a lingering worker for 90 s after each claim, in its queues', async () => {
    await project.sql(`select cloud_jobs_claim('w', 1), cloud_jobs_claim('x', 1, '{other}')`);
    await pass(1.4);
    await project.sql(`select cloud_jobs_claim('x', 1, '{other}')`);
    await add('due');
    expect((await minute()).calls).toBe(0);
    await pass(0.2);
    expect((await minute()).calls).toBe(1);
  });

  it('an hour after it was taken, a lock vouches for its own job alone', async () => {
    await add('long');
    await claim('w');
    await add('waits');
    await project.sql(
      `update cloud_jobs set lock_expires_at = clock.now() + interval '3 h' where status = 'locked'`,
    );
    await pass(59);
    expect((await minute()).calls).toBe(0);
    await pass(2);
    expect((await minute()).calls).toBe(1);
  });

  it('calls once for all watched queues of a repository', async () => {
    await project.asPostgres(`
      select cloud_jobs_wake.watch('mail', 'octo/consumer', api_url_param => '${github.url}');
      select cloud_jobs_wake.watch('papers', 'octo/papers', '{paper_fetch}', api_url_param => '${github.url}', event_type_param => 'papers');`);
    for (const queue of ['default', 'mail', 'papers', 'unwatched'])
      await add('j', `, queue_param => '${queue}'`);
    expect((await minute()).calls).toBe(1);
    expect(github.requests[0]?.body).toMatchObject({ client_payload: { queues: ['default', 'mail'] } });
    await project.sql(`select cloud_jobs_create('p', 'paper_fetch', queue_param => 'papers')`);
    expect((await minute()).calls).toBe(1);
    expect(github.requests[1]).toMatchObject({
      path: '/repos/octo/papers/dispatches',
      body: { event_type: 'papers' },
    });
    await project.asPostgres(
      `select cloud_jobs_wake.unwatch('default'); select cloud_jobs_wake.unwatch('mail'); select cloud_jobs_wake.unwatch('papers')`,
    );
    await pass(60);
    expect((await minute()).calls).toBe(0);
  });

  it('counts a cool-down in minutes of pg_cron, which are not exact', async () => {
    await add('stays');
    await minute();
    await pass(5 - 1 / 60);
    expect((await minute()).calls).toBe(1);
  });

  it('notices a worker within a minute, and waits for the cool-down only', async () => {
    await add('stays');
    for (const wait of [5, 10, 20]) {
      expect((await minute()).calls).toBe(1);
      await pass(wait);
    }
    expect((await minute()).calls).toBe(1);
    expect(await watched()).toMatchObject({ in_vain: 3, wait: 2400 });
    // The schedule of the workflow brings a worker, which takes the job and dies.
    await pass(1);
    await claim('w');
    await pass(6);
    expect((await minute()).calls).toBe(1);
    expect(await watched()).toMatchObject({ in_vain: 0, wait: 300 });
  });

  it('calls ever less often until a worker takes a job', async () => {
    await add('stays');
    const gaps: number[] = [];
    let last = now;
    while (gaps.length < 7) {
      if ((await minute()).calls > 0) {
        gaps.push(Math.round((now - last) / MINUTE));
        last = now;
      }
      await pass(5);
    }
    expect(gaps).toEqual([0, 5, 10, 20, 40, 60, 60]);
    expect((await watched())?.in_vain).toBe(6);
    // A worker comes, takes it and dies.
    await claim('w');
    await pass(61);
    expect((await minute()).calls).toBe(1);
    expect(await watched()).toMatchObject({ in_vain: 0, wait: 300 });
  });
});

describe('when GitHub does not do it', () => {
  const limit = {
    message: 'API rate limit exceeded for user ID 1.',
    documentation_url: 'https://docs.github.com',
  };
  const faults = [
    [
      '401',
      { status: 401, body: { message: 'Bad credentials' } },
      401,
      /HTTP 401: Bad credentials\. The token is wrong or has expired: replace it with vault.update_secret/,
      300,
    ],
    [
      '403',
      { status: 403, body: { message: 'Resource not accessible by personal access token' } },
      403,
      /403: Resource not accessible.*Contents: read and write/,
      300,
    ],
    [
      '404',
      { status: 404, body: { message: 'Not Found' } },
      404,
      /does not exist, was renamed, or the token may not see it/,
      300,
    ],
    ['422', { status: 422, body: { message: 'Invalid request.' } }, 422, /see the event type/, 300],
    [
      '500 with a page',
      { status: 502, body: '<html>Bad gateway</html>' },
      502,
      /^GitHub answered HTTP 502\. It is asked again later\.$/,
      300,
    ],
    [
      'a moved repository',
      { status: 307, body: { message: 'Moved Permanently' } },
      307,
      /Watch it by its new name/,
      300,
    ],
    [
      'a rate limit with Retry-After',
      { status: 429, body: limit, headers: { 'Retry-After': '1500' } },
      429,
      /asked again when the limit is over/,
      1530,
    ],
    [
      'a rate limit until a time',
      {
        status: 403,
        body: limit,
        headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String((START + 31 * MINUTE) / 1000) },
      },
      403,
      /rate limit exceeded/,
      1830,
    ],
    [
      'a limit that is far too long',
      { status: 403, body: limit, headers: { 'Retry-After': '999999' } },
      403,
      /rate limit/,
      3630,
    ],
  ] as const;
  it.each(faults)('%s is recorded in words, and it waits', async (_, fault, status, words, wait) => {
    await add('due');
    github.faults.push(fault);
    await minute();
    await pass(1);
    expect((await minute()).collected).toBe(1);
    expect(await calls()).toEqual([
      expect.objectContaining({ http_status: status, error: expect.stringMatching(words) }),
    ]);
    expect(await watched()).toMatchObject({ errors: 1, wait });
    const [{ state } = { state: null }] = await project.sql<{ state: unknown }>(
      'select cloud_jobs_wake_state() as state',
    );
    expect(state).toMatchObject({ calls_24h: 1, errors_24h: 1, watched: [{ queue: 'default', errors: 1 }] });
    expect(JSON.stringify(state)).not.toContain(github.token);
  });

  // pg_net up to 0.19.5 says so only in words (supabase/pg_net#180).
  it.each([true, null])('counts a timeout as an error: timed_out is %s', async (timedOut) => {
    await add('due');
    github.faults.push('hang');
    await minute(200);
    await project.sql('update net._http_response set timed_out = $1', [timedOut]);
    await pass(1);
    await minute();
    expect(await calls()).toEqual([
      expect.objectContaining({
        http_status: null,
        error: expect.stringMatching(/did not answer: Timeout of 200 ms/),
      }),
    ]);
    expect((await watched())?.errors).toBe(1);
  });

  it('counts an answer lost in a crash as an error', async () => {
    await add('due');
    expect((await minute()).calls).toBe(1);
    await project.sql('truncate net._http_response');
    await pass(9);
    // Not asked again while there is no answer.
    expect(await minute()).toEqual({ collected: 0, calls: 0 });
    await pass(2);
    expect((await minute()).collected).toBe(1);
    expect((await calls())[0]).toMatchObject({
      answered: true,
      error: expect.stringMatching(/no record of the request/),
    });
    expect((await watched())?.errors).toBe(1);
  });

  it('errors in a row wait twice as long each, and a success forgets them', async () => {
    await add('due');
    for (const wait of [300, 600, 1200]) {
      github.faults.push({ status: 401, body: { message: 'Bad credentials' } });
      expect((await minute()).calls).toBe(1);
      await minute();
      expect((await watched())?.wait).toBe(wait);
      await pass(wait / 60);
    }
    await minute();
    await minute();
    expect((await watched())?.errors).toBe(0);
  });

  it('calls soon after the token was replaced, and blames no workflow', async () => {
    await add('due');
    for (const wait of [300, 600, 1200, 2400, 3600]) {
      github.faults.push({ status: 401, body: { message: 'Bad credentials' } });
      expect((await minute()).calls).toBe(1);
      await pass(1);
      await minute();
      expect(await watched()).toMatchObject({ in_vain: 0, wait });
      await pass(wait / 60);
    }
    github.faults.push({ status: 401, body: { message: 'Bad credentials' } });
    await minute();
    await pass(1);
    await minute();
    expect((await watched())?.errors).toBe(6);
    await project.asPostgres(
      `select vault.update_secret(id, '${github.token}') from vault.secrets where name = 'cloud_jobs_github_token'`,
    );
    await pass(1);
    expect((await minute()).calls).toBe(1);
    expect(await watched()).toMatchObject({ errors: 0, in_vain: 0, wait: 300 });
  });

  it('calls soon after a missing token was created', async () => {
    await project.sql('truncate vault.secrets');
    await add('due');
    await minute();
    await project.asPostgres(`select vault.create_secret('${github.token}', 'cloud_jobs_github_token')`);
    await pass(1);
    expect((await minute()).calls).toBe(1);
    expect(github.requests).toHaveLength(1);
  });

  it.each([
    ['GET', 301, 404, /renamed/],
    ['POST', 307, 204, null],
  ])('a redirect that goes on as a %s', async (method, status, final, words) => {
    await add('due');
    github.faults.push({ status, headers: { location: `${github.url}/repositories/1/dispatches` } });
    github.faults.push({ status: final, ...(final === 404 ? { body: { message: 'Not Found' } } : {}) });
    await minute();
    expect(github.requests.map((request) => request.method)).toEqual(['POST', method]);
    await pass(1);
    await minute();
    expect(await calls()).toEqual([
      expect.objectContaining({
        http_status: final,
        error: words === null ? null : expect.stringMatching(words),
      }),
    ]);
  });

  it('an answer of 200 is no success: a redirected call ends so', async () => {
    await add('due');
    github.faults.push({ status: 200, body: [] });
    await minute();
    await pass(1);
    await minute();
    expect(await calls()).toEqual([
      expect.objectContaining({ http_status: 200, error: expect.stringMatching(/takes a call with 204/) }),
    ]);
  });

  it('pg_net hangs: removes the one waiting request with its token', async () => {
    await add('due');
    const hang = async () => (await project.asPostgres('select cloud_jobs_wake.tick()')).length;
    for (let at = 0; at < 10; at += 1) {
      await hang();
      expect(await project.sql('select url from net.http_request_queue')).toHaveLength(1);
      await pass(1);
    }
    await project.sql(
      `insert into net.http_request_queue (method, url, timeout_milliseconds) values ('GET', 'https://example.org', 1)`,
    );
    await pass(1);
    await hang();
    expect(await project.sql('select url from net.http_request_queue')).toEqual([
      { url: 'https://example.org' },
    ]);
    expect(await calls()).toEqual([
      expect.objectContaining({
        error: expect.stringMatching(/pg_net does not run.*net\.worker_restart\(\)/),
      }),
    ]);
    expect(await watched()).toMatchObject({ errors: 1, in_vain: 0 });
  });

  it('pg_net was dropped: it says so and goes on when it is back', async () => {
    await add('due');
    await project.asPostgres('select cloud_jobs_wake.tick()');
    await project.sql('alter schema net rename to net_gone');
    try {
      await pass(11);
      expect((await project.asPostgres('select cloud_jobs_wake.tick() as tick'))[0]).toMatchObject({
        tick: { collected: 1 },
      });
      await pass(60);
      await project.asPostgres('select cloud_jobs_wake.tick()');
      expect((await calls()).at(-1)?.error).toMatch(/It was not called: schema "net" does not exist/);
    } finally {
      await project.sql('alter schema net_gone rename to net');
    }
    await pass(60);
    expect((await minute()).calls).toBe(1);
    expect(github.requests.length).toBeGreaterThan(0);
  });

  it('Vault was dropped: it says so', async () => {
    await project.sql('alter schema vault rename to vault_gone');
    try {
      await add('due');
      await minute();
      await pass(6);
      await minute();
      expect((await calls()).at(-1)?.error).toMatch(/It was not called: .*vault/);
    } finally {
      await project.sql('alter schema vault_gone rename to vault');
    }
  });

  it('a restored copy does not start the workflow of the original', async () => {
    await project.sql(`update cloud_jobs_wake.watched set database_identity = '1/1/1'`);
    await add('due');
    expect((await minute()).calls).toBe(1);
    expect(github.requests).toEqual([]);
    expect(await calls()).toEqual([
      expect.objectContaining({
        error: expect.stringMatching(
          /restored copy of the one in which octo\/consumer was watched.*watch again/,
        ),
      }),
    ]);
    await project.asPostgres(CLOCKED);
    await pass(60);
    await minute();
    expect(github.requests).toEqual([]);
    await project.asPostgres(
      `select cloud_jobs_wake.watch('default', 'octo/consumer', api_url_param => '${github.url}')`,
    );
    expect((await minute()).calls).toBe(1);
    expect(github.requests).toHaveLength(1);
  });

  it('calls nothing without a token, and says so', async () => {
    await project.sql('truncate vault.secrets');
    await add('due');
    await minute();
    expect(github.requests).toEqual([]);
    expect(await calls()).toEqual([
      expect.objectContaining({
        answered: true,
        error: expect.stringMatching(/Vault has no secret "cloud_jobs_github_token"/),
      }),
    ]);
  });
});

it('an error of an extension is recorded too, without the token', async () => {
  await project.sql('alter function net.http_post rename to http_post_real');
  await project.sql(`create function net.http_post(url text, body jsonb, params jsonb default '{}', headers jsonb default '{}', timeout_milliseconds int default 5000)
    returns bigint language plpgsql as $$ begin raise exception 'cannot queue %', headers->>'Authorization'; end $$`);
  try {
    await add('due');
    expect((await minute()).calls).toBe(1);
    const [call] = await calls();
    expect(call?.error).toBe('It was not called: cannot queue Bearer *** (P0001).');
    expect(await watched()).toMatchObject({ errors: 1, wait: 300 });
  } finally {
    await project.sql('drop function net.http_post');
    await project.sql('alter function net.http_post_real rename to http_post');
  }
});

describe('the file', () => {
  it('starts a job again that was switched off', async () => {
    await project.sql(`select cron.alter_job(jobid, active => false) from cron.job`);
    await project.asPostgres(CLOCKED);
    expect(await project.sql('select active from cron.job')).toEqual([{ active: true }]);
  });

  it('has no function that is planned without sequential scans and with jit', async () => {
    const slow = await project.sql(
      `select p.oid::regprocedure::text as name from pg_proc p
       where p.pronamespace::regnamespace::text in ('public', 'cloud_jobs_wake')
         and 'enable_seqscan=off' = any (p.proconfig) and not 'jit=off' = any (p.proconfig)`,
    );
    expect(slow).toEqual([]);
  });

  it('can be run again: keeps its settings and records, and one cron job', async () => {
    await add('due');
    await minute();
    await project.asPostgres(CLOCKED);
    await project.asPostgres(CLOCKED);
    expect(await project.sql('select jobname, schedule, username from cron.job')).toEqual([
      { jobname: 'cloud-jobs-wake', schedule: '* * * * *', username: expect.any(String) },
    ]);
    expect(await calls()).toHaveLength(1);
    expect(await project.sql('select queue from cloud_jobs_wake.watched')).toEqual([{ queue: 'default' }]);
  });

  it('is closed to the API’s roles, beyond what doctor shows', async () => {
    const roles = ['anon', 'authenticated', 'service_role'];
    const open = await project.sql<{ what: string }>(
      `select r || ' ' || p.proname as what from unnest($1::text[]) r, pg_proc p
       where p.pronamespace = 'cloud_jobs_wake'::regnamespace and has_function_privilege(r, p.oid, 'execute')
       union all
       select r || ' ' || v || ' ' || c.relname from unnest($1::text[]) r, unnest('{select,insert,update,delete,truncate}'::text[]) v, pg_class c
       where c.relnamespace = 'cloud_jobs_wake'::regnamespace and c.relkind = 'r' and has_table_privilege(r, c.oid, v)
       union all
       select r || ' schema' from unnest($1::text[]) r where has_schema_privilege(r, 'cloud_jobs_wake', 'usage') order by 1`,
      [roles],
    );
    expect(open.map(({ what }) => what)).toEqual([
      'service_role schema',
      'service_role select call',
      'service_role select pulse',
      'service_role select watched',
      'service_role state',
    ]);
    const loose = await project.sql(
      `select p.proname from pg_proc p where p.pronamespace = 'cloud_jobs_wake'::regnamespace
         and (p.prosecdef or not coalesce('search_path=""' = any (p.proconfig), false))
       union all select relname from pg_class where relnamespace = 'cloud_jobs_wake'::regnamespace and relkind = 'r' and not relrowsecurity`,
    );
    expect(loose).toEqual([]);
    const { error } = await project.client().schema('cloud_jobs_wake').from('watched').select();
    expect(error?.code).toBe('PGRST106');
  });

  it('keeps a thousand calls, and two days of the rows of pg_cron', async () => {
    await project.sql(
      `insert into cloud_jobs_wake.call (target, queues, answered_at) select 'o/r', '{x}', clock.now() from generate_series(1, 1005)`,
    );
    // Of this job, of one that was registered before, without an end, and without any time.
    await project.sql(`insert into cron.job_run_details (jobid, command, start_time, end_time)
      select jobid, 'select cloud_jobs_wake.tick()', started, ended
      from (values
        (1, null, null), (999, '3 d', '3 d'), (1, '3 d', '3 d'), (1, '3 d', null),
        (1, '1 d', '1 d'), (999, '1 d', null), (1, null, null)) v (jobid, began, stopped)
      cross join lateral (
        select clock.now() - v.began::interval as started, clock.now() - v.stopped::interval as ended) t`);
    await project.sql(`insert into cron.job_run_details (jobid, command, end_time)
      values (5, 'select other()', clock.now() - interval '9 d')`);
    await add('due');
    await minute();
    expect(await project.sql('select count(*)::int as n from cloud_jobs_wake.call')).toEqual([{ n: 1000 }]);
    expect(await project.sql('select count(*)::int as n from cron.job_run_details')).toEqual([{ n: 4 }]);
    // A role that may not remove them still wakes.
    await project.sql('revoke delete on cron.job_run_details from postgres');
    await pass(60);
    expect((await minute()).calls).toBe(1);
  });

  it('says what is missing where it cannot work', async () => {
    const bare = await startTestProject();
    try {
      await expect(bare.asPostgres(WAKE)).rejects.toThrow(/pg_cron, pg_net and supabase_vault/);
      expect(await bare.sql('select cloud_jobs_wake_state() as state')).toEqual([{ state: null }]);
      await installExtensions(bare);
      await bare.asPostgres(WAKE);
      const identity = 'select cloud_jobs_wake.database_identity() as id';
      expect(await bare.asPostgres(identity)).not.toEqual(await project.asPostgres(identity));
      const [remove] = /select cron\.unschedule.*\n.*drop schema.*/.exec(WAKE) ?? [''];
      const lines = remove.replaceAll('--', '');
      // Also if the job is gone already, or everything is.
      await bare.asPostgres(`select cron.unschedule(jobid) from cron.job`);
      await bare.asPostgres(lines);
      await bare.asPostgres(lines);
      expect(await bare.sql('select cloud_jobs_wake_state() as state')).toEqual([{ state: null }]);
    } finally {
      await bare.stop();
    }
  });

  it('asks for the same few pages at a hundred times the jobs', async () => {
    const pages = async () => {
      const [row] = await project.sql<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
        'explain (analyze, buffers, format json) select * from cloud_jobs_wake.unattended()',
      );
      return row?.['QUERY PLAN'][0].Plan['Shared Hit Blocks'] ?? 0;
    };
    const load = (n: number) =>
      project.sql(`insert into cloud_jobs (name, job_type, run_at, status, finished_at)
      select 'n', 'custom', clock.now() + interval '1 d', case when n % 2 = 0 then 'waiting' else 'success' end, clock.now() from generate_series(1, ${n}) n`);
    await load(200);
    await pages();
    const small = await pages();
    await load(20_000);
    await pages();
    expect(small).toBeGreaterThan(0);
    expect(await pages()).toBeLessThan(small + 20);
  });
});

describe('a function', () => {
  const SECRET = 'a long random text';
  const URL = 'https://worker.example/run?from=db';
  const started = async () => {
    await project.asPostgres(`
      select vault.create_secret('${SECRET}', 'cloud_jobs_wake_secret');
      select cloud_jobs_wake.watch_url('default', '${URL}');`);
    await add('due');
  };
  const queued = async () =>
    (
      await project.sql<{ url: string; headers: Record<string, string>; body: Buffer }>(
        'select url, headers, body from net.http_request_queue',
      )
    )[0];
  /** One minute, in which pg_net sends nothing. */
  const tick = () => project.asPostgres('select cloud_jobs_wake.tick()');
  const answer = async (status: number | null, content: string, error: string | null = null) => {
    await project.sql(
      `insert into net._http_response (id, status_code, content, headers, error_msg)
       select request_id, $1, $2, '{}', $3 from cloud_jobs_wake.call where answered_at is null`,
      [status, content, error],
    );
    await project.sql('truncate net.http_request_queue');
    await pass(1);
    await tick();
    return (await calls())[0];
  };

  it('is called at its URL, with a signature that it recognises', async () => {
    await started();
    await tick();
    const request = await queued();
    expect(request?.url).toBe(URL);
    expect(JSON.parse(String(request?.body))).toEqual({ queues: ['default'] });
    const { headers = {}, body = Buffer.of() } = request ?? {};
    expect(headers['Content-Type']).toBe('application/json');
    expect(JSON.stringify(request)).not.toContain(SECRET);
    const at = new Date(now);
    expect(isSignedCall(headers, body, SECRET, at)).toBe(true);
    expect(isSignedCall(headers, body, 'another secret', at)).toBe(false);
    expect(isSignedCall(headers, Buffer.concat([body, Buffer.from(' ')]), SECRET, at)).toBe(false);
    expect(isSignedCall(headers, body, SECRET, new Date(now + 6 * MINUTE))).toBe(false);
  });

  it.each([
    ['counts', 200, '{"claimed": 1}', null],
    [
      'nothing within 10 s, since it runs on',
      null,
      '',
      'Timeout of 10000 ms reached. Total time: 10000.1 ms',
    ],
  ])('has taken a call if it answers with %s', async (_, status, content, error) => {
    await started();
    await tick();
    expect(await answer(status, content, error)).toMatchObject({ answered: true, error: null });
    expect(await watched()).toMatchObject({ errors: 0 });
  });

  it.each([
    [
      401,
      '{"error": "The call is not signed with CLOUD_JOBS_WAKE_SECRET."}',
      /HTTP 401: The call is not signed .*secret of Vault/,
    ],
    [403, '<html>', /HTTP 403\. It must be open to calls without a login/],
    [404, '', /HTTP 404\. There is no function at this URL/],
    [302, '', /HTTP 302\. It leads elsewhere/],
    // pg_net follows a redirect to a login, and the page of the login answers 200.
    [200, '\n<!DOCTYPE html><title>Sign in</title>', /HTTP 200\. This is a web page, such as a login/],
    [500, '{"error": "supabase-url is empty"}', /^The function answered HTTP 500: supabase-url is empty\. /],
    [null, '', /^The function did not answer: Couldn't connect to server\.$/],
  ])('has refused it if it answers %s with %j', async (status, content, words) => {
    await started();
    await tick();
    const error = status === null ? "Couldn't connect to server" : null;
    expect((await answer(status, content, error))?.error).toMatch(words);
    expect(await watched()).toMatchObject({ errors: 1 });
  });

  it('that takes calls and sends no worker is called less and less often', async () => {
    await started();
    const called: number[] = [];
    for (let at = 0; at < 64; at += 1) {
      await tick();
      if ((await calls()).length > called.length) called.push(at);
      await project.sql(
        `insert into net._http_response (id, status_code, headers)
         select request_id, 200, '{}' from cloud_jobs_wake.call where answered_at is null`,
      );
      await pass(1);
    }
    expect(called).toEqual([0, 1, 3, 7, 15, 31, 63]);
    expect(await watched()).toMatchObject({ errors: 0, in_vain: 6 });
  });

  it('is not called without the secret, and the row says which is missing', async () => {
    await project.asPostgres(`select cloud_jobs_wake.watch_url('default', '${URL}')`);
    await add('due');
    await tick();
    expect((await calls())[0]?.error).toContain('Vault has no secret "cloud_jobs_wake_secret"');
  });

  it.each(['ftp://x.example', 'octo/consumer', 'https://', 'https://user:pass@x.example/', 'https://x y/'])(
    'is not watched at %s',
    async (url) => {
      await expect(
        project.asPostgres(`select cloud_jobs_wake.watch_url('default', '${url}')`),
      ).rejects.toThrow(/url_param|watched_target_check/);
    },
  );
});

it('signs as HMAC-SHA256 does, with keys of any length', async () => {
  for (const length of [0, 1, 32, 63, 64, 65, 200]) {
    const key = Buffer.from(Array.from({ length }, (_, n) => (n * 37) % 256));
    const message = Buffer.from(`message ä ${length}`);
    const [row] = await project.sql<{ mac: Buffer }>('select cloud_jobs_wake.hmac($1, $2) as mac', [
      key,
      message,
    ]);
    expect(row?.mac).toEqual(createHmac('sha256', key).update(message).digest());
  }
});
