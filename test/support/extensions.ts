import type { TestProject } from './stack.ts';

/**
 * Stand-ins of pg_cron, pg_net and supabase_vault, which are not packaged for npm: the objects that cloud-jobs uses, with
 * the signatures, columns, defaults, checks and grants of the real ones. Nothing runs by itself: a test calls the command of
 * the cron job, and sends what is queued with `sendRequests`. `npm run test:wake` runs the same file on the real pg_cron.
 *
 * pg_cron 1.6.7, src/job_metadata.c: a known name gets the new schedule and command and keeps `active`; `unschedule` fails
 * for a job that is gone. Rows of runs can lack an end (citusdata/pg_cron#174) or both times (citusdata/pg_cron#246).
 */
const CRON = `
  create schema cron;
  create table cron.job (
    jobid bigint generated always as identity primary key, schedule text not null, command text not null,
    nodename text not null default 'localhost', nodeport integer not null default 5432,
    database text not null default current_database(), username text not null default current_user,
    active boolean not null default true, jobname text, unique (jobname, username));
  create table cron.job_run_details (
    jobid bigint, runid bigint generated always as identity primary key, job_pid integer, database text, username text,
    command text, status text, return_message text, start_time timestamptz, end_time timestamptz);
  create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as $$
    insert into cron.job (jobname, schedule, command) values (job_name, schedule, command)
    on conflict (jobname, username) do update set schedule = excluded.schedule, command = excluded.command
    returning jobid $$;
  create function cron.alter_job(
    job_id bigint, schedule text default null, command text default null, database text default null,
    username text default null, active boolean default null)
  returns void language sql as $$
    update cron.job j set schedule = coalesce(alter_job.schedule, j.schedule), command = coalesce(alter_job.command, j.command),
      active = coalesce(alter_job.active, j.active)
    where j.jobid = job_id $$;
  create function cron.unschedule(job_id bigint) returns boolean language plpgsql as $$
  begin
    delete from cron.job where jobid = job_id;
    if not found then raise exception 'could not find valid entry for job %', job_id; end if;
    return true;
  end $$;
  create function cron.unschedule(job_name text) returns boolean language plpgsql as $$
  begin
    delete from cron.job where jobname = job_name;
    if not found then raise exception 'could not find valid entry for job ''%''', job_name; end if;
    return true;
  end $$;

  -- The real functions are written in C and need no rights on the tables.
  alter function cron.schedule(text, text, text) security definer;
  alter function cron.alter_job(bigint, text, text, text, text, boolean) security definer;
  alter function cron.unschedule(bigint) security definer;
  alter function cron.unschedule(text) security definer;
  revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;
`;

/**
 * What Supabase grants after it has created pg_cron. Source: supabase/postgres, the scripts that run after
 * "create extension".
 */
export const CRON_GRANTS = `
  grant usage on schema cron to postgres with grant option;
  grant all on all functions in schema cron to postgres with grant option;
  grant all privileges on all tables in schema cron to postgres;
  revoke all on table cron.job from postgres;
  grant select on table cron.job to postgres with grant option;
`;

/**
 * pg_net and Vault with their grants, also for a database with the real pg_cron.
 *
 * pg_net 0.20.4, sql/pg_net.sql: the two tables are unlogged, so a crash empties them, and everybody has all rights on them.
 * Requests that were queued while its worker did not run are sent once it runs again (supabase/pg_net#191).
 *
 * Vault 0.3.0, sql/supabase_vault--0.3.0.sql: names are unique, so `create_secret` fails for one that exists, and only its
 * two functions write (supabase/vault#41). The secrets are not encrypted here.
 */
export const NET_AND_VAULT = `
  create schema net;
  create domain net.http_method as text check (value ilike 'get' or value ilike 'post' or value ilike 'delete');
  create unlogged table net.http_request_queue (
    id bigserial, method net.http_method not null, url text not null, headers jsonb, body bytea, timeout_milliseconds int not null);
  create unlogged table net._http_response (
    id bigint, status_code integer, content_type text, headers jsonb, content text, timed_out bool, error_msg text,
    created timestamptz not null default now());
  create function net.http_post(
    url text, body jsonb default '{}'::jsonb, params jsonb default '{}'::jsonb,
    headers jsonb default '{"Content-Type": "application/json"}'::jsonb, timeout_milliseconds int default 5000)
  returns bigint language plpgsql security definer as $$
  declare request_id bigint;
  begin
    if (select h.value from jsonb_each_text(headers) as h where h.key ilike 'content-type') is distinct from 'application/json' then
      raise exception 'Content-Type header must be "application/json"';
    end if;
    insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
    values ('POST', url, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
    returning id into request_id;
    return request_id;
  end $$;
  create function net.worker_restart() returns boolean language sql as $$ select true $$;

  create schema vault;
  create table vault.secrets (
    id uuid primary key default gen_random_uuid(), name text unique, description text not null default '', secret text not null,
    key_id uuid, nonce bytea, created_at timestamptz not null default now(), updated_at timestamptz not null default now());
  create view vault.decrypted_secrets as
    select id, name, description, secret, secret as decrypted_secret, key_id, nonce, created_at, updated_at from vault.secrets;
  create function vault.create_secret(
    new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null)
  returns uuid language sql security definer set search_path = '' as $$
    insert into vault.secrets (secret, name, description, key_id)
    values (new_secret, new_name, new_description, new_key_id) returning id $$;
  create function vault.update_secret(
    secret_id uuid, new_secret text default null, new_name text default null, new_description text default null, new_key_id uuid default null)
  returns void language sql security definer set search_path = '' as $$
    update vault.secrets set secret = coalesce(new_secret, secret), name = coalesce(new_name, name),
      updated_at = clock_timestamp()
    where id = secret_id $$;
  revoke all on all functions in schema vault from public;

  -- As on a hosted project: the role of the SQL Editor may use them all, service_role also Vault, the other roles of the
  -- Data API only pg_net.
  grant usage on schema vault to postgres, service_role;
  grant usage on schema net to postgres, anon, authenticated, service_role;
  grant all on net.http_request_queue, net._http_response to public;
  grant select, delete on vault.secrets, vault.decrypted_secrets to postgres, service_role;
  grant execute on all functions in schema vault to postgres, service_role;
`;

/** Puts the stand-ins into a project's database. */
export async function installExtensions(project: Pick<TestProject, 'sql'>): Promise<void> {
  await project.sql(CRON + CRON_GRANTS + NET_AND_VAULT);
}

interface Queued extends Record<string, unknown> {
  readonly id: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly timeout_milliseconds: number;
}

/**
 * Sends what net.http_post queued and records the answers, as pg_net's worker does after each commit.
 * @param timeoutMs in place of the request's own, so that a test need not wait for it
 * @returns the requests
 */
export async function sendRequests(project: Pick<TestProject, 'sql'>, timeoutMs?: number): Promise<Queued[]> {
  const queued = await project.sql<Queued>('delete from net.http_request_queue returning *');
  for (const request of queued) {
    const answer = await send(request, timeoutMs ?? request.timeout_milliseconds);
    await project.sql(
      `insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [request.id, ...answer],
    );
  }
  return queued;
}

/** pg_net sends a User-Agent of its own beside that of the request, and a server sees both (0.20.4, src/core.c). */
function withUserAgent(headers: Record<string, string>): Record<string, string> {
  const given = Object.entries(headers).filter(([name]) => name.toLowerCase() === 'user-agent');
  const others = Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'user-agent');
  const agents = [...given.map(([, value]) => value), 'pg_net/0.20.0'];
  return Object.fromEntries([...others, ['User-Agent', agents.join(', ')]]);
}

async function send(request: Queued, timeoutMs: number): Promise<unknown[]> {
  try {
    const response = await fetch(request.url, {
      method: 'POST',
      headers: withUserAgent(request.headers),
      body: new Uint8Array(request.body),
      signal: AbortSignal.timeout(timeoutMs),
      // As libcurl does it for pg_net since 0.8.0: after a 301 or 302 the POST goes on as a GET, after a 307 as a POST.
      redirect: 'follow',
    });
    const headers = JSON.stringify(Object.fromEntries(response.headers));
    return [
      response.status,
      response.headers.get('content-type'),
      headers,
      await response.text(),
      false,
      null,
    ];
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    // The words of 0.14.0 and later (src/errors.c). Before 0.19.6 timed_out stays empty (supabase/pg_net#180).
    const words = timedOut
      ? `Timeout of ${timeoutMs} ms reached. Total time: ${timeoutMs}.1 ms`
      : "Couldn't connect to server";
    return [null, null, null, null, timedOut, words];
  }
}
