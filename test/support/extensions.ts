import type { TestProject } from './stack.ts';

/**
 * Stand-ins of pg_cron, pg_net and supabase_vault, which are not packaged for npm: the objects that cloud-jobs uses,
 * with the signatures, columns, defaults and checks of the real ones. Nothing runs by itself: a test calls the command
 * of the cron job, and sends what is queued with `sendRequests`.
 */
const EXTENSIONS = `
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
    on conflict (jobname, username) do update set schedule = excluded.schedule, command = excluded.command, active = true
    returning jobid $$;
  create function cron.unschedule(job_name text) returns boolean language plpgsql as $$
  begin
    delete from cron.job where jobname = job_name;
    if not found then raise exception 'could not find valid entry for job ''%''', job_name; end if;
    return true;
  end $$;

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
    update vault.secrets set secret = coalesce(new_secret, secret), name = coalesce(new_name, name), updated_at = now()
    where id = secret_id $$;
  revoke all on all functions in schema vault from public;

  -- As on a hosted project: the SQL Editor's role may use them all, the API's roles can reach pg_net alone.
  grant usage on schema cron, vault to postgres;
  grant usage on schema net to postgres, anon, authenticated, service_role;
  grant select, insert, update, delete on all tables in schema cron to postgres;
  grant usage on all sequences in schema cron to postgres;
  grant all on net.http_request_queue, net._http_response to public;
  grant select, delete on vault.secrets, vault.decrypted_secrets to postgres;
  grant execute on all functions in schema vault to postgres;
`;

/** Puts the stand-ins into a project's database. */
export async function installExtensions(project: Pick<TestProject, 'sql'>): Promise<void> {
  await project.sql(EXTENSIONS);
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

async function send(request: Queued, timeoutMs: number): Promise<unknown[]> {
  try {
    const response = await fetch(request.url, {
      method: 'POST',
      headers: request.headers,
      body: new Uint8Array(request.body),
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'manual',
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
    const words = timedOut
      ? `Timeout of ${timeoutMs} ms reached. Total time: ${timeoutMs}.1 ms`
      : "Couldn't connect to server";
    // pg_net leaves timed_out empty (supabase/pg_net#180).
    return [null, null, null, null, null, words];
  }
}
