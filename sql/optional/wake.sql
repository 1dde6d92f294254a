-- Wake on work: starts a worker within a minute or two when a job is due, so that its schedule can be as rare as hourly.
-- See docs/guides/waking.md.
--
-- Once a minute pg_cron asks whether work is due that no worker attends to. Only then pg_net asks GitHub for a
-- repository_dispatch, with a token from Vault, or calls the URL of a function with a signed request. pg_net sends a
-- request once, and a crash of the database loses it, so a schedule stays as the guarantee.
--
-- 1. Run sql/install.sql, and enable the extensions pg_cron and pg_net (Database > Extensions).
-- 2. Make a fine-grained personal access token for the repository alone, with the permission "Contents: read and
--    write" (repository_dispatch asks for it) and nothing else, and keep it in Vault:
--      select vault.create_secret('github_pat_...', 'cloud_jobs_github_token');
-- 3. Run this file. It can be run again at any time, and must be after an upgrade.
-- 4. Say which repository works on which queue. Its workflow has `on: repository_dispatch: types: [cloud-jobs]`:
--      select cloud_jobs_wake.watch('default', 'OWNER/REPOSITORY');
--    Or which function does: its URL, and the secret that it knows as CLOUD_JOBS_WAKE_SECRET. No token is needed then:
--      select vault.create_secret('a long random text', 'cloud_jobs_wake_secret');
--      select cloud_jobs_wake.watch_url('default', 'https://...');
--
-- To replace the token (create_secret fails for a name that exists, and Postgres logs a statement that fails):
--      select vault.update_secret(id, 'github_pat_...') from vault.secrets where name = 'cloud_jobs_github_token';
-- To stop for a while (running this file again goes on):
--      select cron.unschedule(jobid) from cron.job where jobname = 'cloud-jobs-wake';
-- To leave one queue out:
--      select cloud_jobs_wake.unwatch('default');
-- To remove everything:
--      select cron.unschedule(jobid) from cron.job where jobname = 'cloud-jobs-wake';
--      drop schema if exists cloud_jobs_wake cascade;
--
-- Whoever has the token can write to the repository. Vault keeps it encrypted; on Supabase the roles postgres and
-- service_role can read it over SQL. Until a request is sent, the token also stands in pg_net's queue, which every role
-- with a direct database connection can read. The Data API shows neither.
begin;

set local lock_timeout = '10s';
set local client_min_messages = warning;
set local check_function_bodies = off;
set local search_path = pg_catalog;

do $$
begin
  if to_regprocedure('public.cloud_jobs_wake_state()') is null then
    raise exception 'cloud-jobs: this file needs the schema of the same release.'
      using hint = 'Run sql/install.sql first.';
  end if;
  if to_regprocedure('cron.schedule(text,text,text)') is null
    or to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is null
    or to_regclass('vault.decrypted_secrets') is null
  then
    raise exception 'cloud-jobs: waking needs the extensions pg_cron, pg_net and supabase_vault.'
      using hint = 'Enable them in the dashboard (Database > Extensions), then run this file again.';
  end if;
end
$$;

do $$ begin perform pg_advisory_xact_lock(hashtextextended('cloud-jobs install', 0)); end $$;

-- A schema of its own, which the Data API does not show.
create schema if not exists cloud_jobs_wake;
revoke all on schema cloud_jobs_wake from public, anon, authenticated;

-- What works on a queue: a repository on GitHub, or the URL of a function.
create table if not exists cloud_jobs_wake.watched (
  queue             text primary key,
  target            text not null constraint watched_target_check check (
    target ~ '^([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+|https?://[^\s/?#@]+([/?][^\s#]*)?)$'),
  job_types         text[] not null,
  event_type        text not null check (length(event_type) between 1 and 100),
  token_name        text not null,
  api_url           text not null check (api_url ~ '^https?://[^/?#]+(/[^?#]*[^/?#])?$'),
  cool_down_seconds integer not null check (cool_down_seconds between 60 and 86400),
  -- Not again before then: the cool-down, or what an error asks for.
  next_call_at      timestamptz,
  last_call_at      timestamptz,
  -- Calls in a row that were refused, and calls in a row that were taken and no worker followed.
  errors            integer not null default 0,
  in_vain           integer not null default 0
);
-- Before functions could be called, a target was a repository.
do $$
begin
  if exists (
    select from pg_attribute where attrelid = 'cloud_jobs_wake.watched'::regclass and attname = 'repository')
  then
    alter table cloud_jobs_wake.watched drop constraint if exists watched_repository_check;
    alter table cloud_jobs_wake.watched rename column repository to target;
    alter table cloud_jobs_wake.watched add constraint watched_target_check check (
      target ~ '^([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+|https?://[^\s/?#@]+([/?][^\s#]*)?)$');
    alter table cloud_jobs_wake.call rename column repository to target;
    drop function cloud_jobs_wake.error_of(integer, text, text, boolean);
  end if;
end
$$;
-- The database in which watch() was called, and the state of the token at the last call.
alter table cloud_jobs_wake.watched add column if not exists database_identity text;
alter table cloud_jobs_wake.watched add column if not exists token_changed_at timestamptz;

-- Every call and what came of it; the newest 1000.
create table if not exists cloud_jobs_wake.call (
  call_id     bigint generated always as identity primary key,
  -- pg_net's id of the request; null where none was sent.
  request_id  bigint,
  target      text not null,
  queues      text[] not null,
  asked_at    timestamptz not null default now(),
  answered_at timestamptz,
  http_status integer,
  error       text
);
create index if not exists call_open on cloud_jobs_wake.call (call_id) where answered_at is null;

-- When pg_cron last ran tick(). One row.
create table if not exists cloud_jobs_wake.pulse (
  one boolean primary key default true check (one),
  at  timestamptz not null
);

alter table cloud_jobs_wake.watched enable row level security;
alter table cloud_jobs_wake.call enable row level security;
alter table cloud_jobs_wake.pulse enable row level security;

-- Tells this database from a copy of it: a restored project has another system identifier or another timeline, and a
-- copy within the same server another oid.
create or replace function cloud_jobs_wake.database_identity()
returns text
language sql
stable
set search_path = ''
as $$
  select format('%s/%s/%s', s.system_identifier, c.timeline_id, d.oid)
  from pg_control_system() s, pg_control_checkpoint() c, pg_database d
  where d.datname = current_database()
$$;

-- Rows of an earlier release do not know where watch() was called.
update cloud_jobs_wake.watched set database_identity = cloud_jobs_wake.database_identity()
where database_identity is null;

-- Whether a target is the URL of a function, and no repository.
create or replace function cloud_jobs_wake.is_url(target_param text)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select target_param ~ '^https?://'
$$;

-- Watches a queue, or changes how. job_types_param: those that the repository's workflow runs.
create or replace function cloud_jobs_wake.watch(
  queue_param text, repository_param text,
  job_types_param text[] default '{paper_fetch,maintenance,custom}',
  cool_down_seconds_param integer default 300,
  event_type_param text default 'cloud-jobs',
  token_name_param text default 'cloud_jobs_github_token',
  api_url_param text default 'https://api.github.com')
returns void
language sql
set search_path = ''
as $$
  insert into cloud_jobs_wake.watched (
    queue, target, job_types, event_type, token_name, api_url, cool_down_seconds, database_identity)
  values (queue_param, repository_param, job_types_param, event_type_param, token_name_param,
    rtrim(api_url_param, '/'), cool_down_seconds_param, cloud_jobs_wake.database_identity())
  on conflict (queue) do update set target = excluded.target, job_types = excluded.job_types,
    event_type = excluded.event_type, token_name = excluded.token_name, api_url = excluded.api_url,
    cool_down_seconds = excluded.cool_down_seconds, database_identity = excluded.database_identity,
    next_call_at = null, errors = 0, in_vain = 0
$$;

-- Watches a queue for a function at a URL. Each call is signed with the secret, as Standard Webhooks are; a function of
-- cloud-jobs checks that. A run ends after the call, so the cool-down can be short.
create or replace function cloud_jobs_wake.watch_url(
  queue_param text, url_param text,
  job_types_param text[] default '{paper_fetch,maintenance,custom}',
  cool_down_seconds_param integer default 60,
  secret_name_param text default 'cloud_jobs_wake_secret')
returns void
language plpgsql
set search_path = ''
as $$
begin
  if cloud_jobs_wake.is_url(url_param) is not true then
    raise exception 'cloud-jobs: url_param must begin with https:// or http://.';
  end if;
  perform cloud_jobs_wake.watch(queue_param, url_param, job_types_param, cool_down_seconds_param,
    token_name_param => secret_name_param);
end
$$;

create or replace function cloud_jobs_wake.unwatch(queue_param text)
returns void
language sql
set search_path = ''
as $$
  delete from cloud_jobs_wake.watched where queue = queue_param
$$;

-- Queues with due work that no worker attends to: the one question of each minute, answered from the indexes of the
-- claim.
--
-- A worker attends to a queue if it asked for jobs of it within 90 s (one that lingers asks every 60 s at least), or
-- holds a lock of it. After an hour a lock stands for its own job only: by then the worker has used up its time budget
-- and takes nothing new. A queue whose last call has no answer yet is left out, so that a pg_net that hangs does not
-- collect requests.
--
-- jit is off because disabled plans have enormous costs, and jit goes by costs: it took 220 to 370 ms of each minute.
create or replace function cloud_jobs_wake.unattended()
returns setof cloud_jobs_wake.watched
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
  select w.*
  from cloud_jobs_wake.watched w
  -- Half a minute early is in time: the minutes of pg_cron are not exact, and the next one would be half a minute late.
  where (w.next_call_at is null or w.next_call_at <= now() + interval '30 seconds')
    and not exists (
      select from cloud_jobs_wake.call c where c.answered_at is null and w.queue = any (c.queues))
    and not exists (
      select from public.cloud_job_workers k
      where k.seen_at > now() - interval '90 seconds' and w.queue = any (k.queues))
    and (
      public.cloud_jobs_due(public.cloud_jobs_open_queues(array[w.queue]), w.job_types)
      or exists (
        select from unnest(w.job_types) as t (job_type)
        cross join lateral (
          select from public.cloud_jobs j
          where j.queue = w.queue and j.job_type = t.job_type and j.status = 'locked' and j.lock_expires_at < now()
          limit 1) dead))
    and not exists (
      select from unnest(w.job_types) as t (job_type)
      cross join lateral (
        select from public.cloud_jobs j
        where j.queue = w.queue and j.job_type = t.job_type and j.status = 'locked' and j.lock_expires_at >= now()
          and j.locked_at > now() - interval '1 hour'
        limit 1) held)
$$;

-- What to do about an answer, in words; null if the call was taken.
create or replace function cloud_jobs_wake.error_of(
  target_param text, status_param integer, content_param text, error_param text, timed_out_param boolean)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  is_url constant boolean := cloud_jobs_wake.is_url(target_param);
  who constant text := case when is_url then 'The function' else 'GitHub' end;
  is_page constant boolean := content_param ~* '^\s*<(!doctype|html)';
  said text;
begin
  if status_param = 204 or is_url and status_param between 200 and 299 and is_page is not true then
    return null;
  elsif is_url and (timed_out_param or error_param ilike 'timeout%') then
    -- A function answers when its run is over; pg_net waits for 10 s.
    return null;
  elsif status_param is null then
    return format('%s did not answer: %s.', who, rtrim(coalesce(nullif(left(error_param, 300), ''),
      case when timed_out_param then 'timeout' else 'no reason is known' end), '.'));
  end if;
  begin
    said := coalesce(content_param::jsonb->>'message', content_param::jsonb->>'error');
  exception when others then
    -- A page of a proxy, say. Its words are of no use here.
    said := null;
  end;
  return format('%s answered HTTP %s%s. %s', who, status_param, coalesce(': ' || rtrim(left(said, 300), '.'), ''),
    case
      when is_url and status_param in (401, 403) then 'It must be open to calls without a login, and have the secret of Vault as CLOUD_JOBS_WAKE_SECRET.'
      when is_url and status_param between 200 and 299 then 'This is a web page, such as a login: watch a URL that takes calls without one.'
      when is_url and status_param between 300 and 399 then 'It leads elsewhere: watch the URL at its end.'
      when is_url and status_param = 404 then 'There is no function at this URL.'
      when is_url then 'It is asked again later.'
      when status_param = 401 then 'The token is wrong or has expired: replace it with vault.update_secret, as the top of sql/optional/wake.sql shows.'
      when status_param = 403 and said ilike '%rate limit%' or status_param = 429 then 'It is asked again when the limit is over.'
      when status_param = 403 then 'The token may not do this: it needs the permission "Contents: read and write" for this repository.'
      when status_param = 404 then 'The repository does not exist, was renamed, or the token may not see it.'
      when status_param = 422 then 'GitHub does not take the event: see the event type.'
      -- pg_net follows redirects, and a 301 turns the POST into a GET, which GitHub may answer with 200.
      when status_param between 200 and 399 then 'It takes a call with 204: the repository was renamed or moved. Watch it by its new name.'
      else 'It is asked again later.'
    end);
end
$$;

-- HMAC-SHA256, as in RFC 2104: the extension pgcrypto, which has it too, may be in any schema.
create or replace function cloud_jobs_wake.hmac(key_param bytea, message_param bytea)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
declare
  key constant bytea := case when length(key_param) > 64 then sha256(key_param) else key_param end;
  inner_key bytea := decode(repeat('36', 64), 'hex');
  outer_key bytea := decode(repeat('5c', 64), 'hex');
begin
  for n in 0 .. length(key) - 1 loop
    inner_key := set_byte(inner_key, n, get_byte(inner_key, n) # get_byte(key, n));
    outer_key := set_byte(outer_key, n, get_byte(outer_key, n) # get_byte(key, n));
  end loop;
  return sha256(outer_key || sha256(inner_key || message_param));
end
$$;

-- The headers by which a function knows the call for its own, as Standard Webhooks have them.
create or replace function cloud_jobs_wake.signed_headers(secret_param text, body_param jsonb)
returns jsonb
language sql
volatile
set search_path = ''
as $$
  select jsonb_build_object('Content-Type', 'application/json', 'webhook-id', m.id, 'webhook-timestamp', m.sent_at,
    'webhook-signature', 'v1,' || encode(cloud_jobs_wake.hmac(convert_to(secret_param, 'UTF8'),
      convert_to(m.id || '.' || m.sent_at || '.' || body_param::text, 'UTF8')), 'base64'))
  from (select gen_random_uuid()::text as id, floor(extract(epoch from now()))::bigint::text as sent_at) m
$$;

-- Gives up on the calls that pg_net has not answered for 10 minutes. Its request is removed, which would otherwise stay
-- readable with the token, and be sent when pg_net runs again.
create or replace function cloud_jobs_wake.give_up()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  old record;
  removed integer;
  given_up integer := 0;
begin
  for old in
    select c.call_id, c.request_id, c.queues, c.target from cloud_jobs_wake.call c
    where c.answered_at is null and c.asked_at < now() - interval '10 minutes'
    order by c.call_id
    limit 100
  loop
    removed := 0;
    begin
      delete from net.http_request_queue q
      where q.id = old.request_id and (q.url = old.target or q.url like '%/repos/' || old.target || '/dispatches');
      get diagnostics removed = row_count;
    exception when undefined_table or invalid_schema_name or insufficient_privilege then
      -- Without pg_net there is no queue.
      null;
    end;
    update cloud_jobs_wake.call c set answered_at = now(), error = case when removed > 0
      then 'The call was not sent: pg_net does not run. Restart it: select net.worker_restart();'
      else 'There is no answer: pg_net has no record of the request. It may have been restarted.' end
    where c.call_id = old.call_id;
    update cloud_jobs_wake.watched w set errors = w.errors + 1,
      next_call_at = greatest(w.next_call_at, now() + cloud_jobs_wake.pause(w.cool_down_seconds, w.errors))
    where w.queue = any (old.queues) and w.target = old.target;
    given_up := given_up + 1;
  end loop;
  return given_up;
end
$$;

-- How long to wait after so many calls without success: twice as long after each, up to an hour or the cool-down.
create or replace function cloud_jobs_wake.pause(cool_down_seconds_param integer, failures_param integer)
returns interval
language sql
immutable
set search_path = ''
as $$
  select make_interval(secs => least(greatest(3600, cool_down_seconds_param),
    cool_down_seconds_param * 2 ^ least(failures_param, 6)))
$$;

-- Reads the answers that pg_net has.
create or replace function cloud_jobs_wake.collect()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  answer record;
  wait double precision;
  collected integer := 0;
begin
  if to_regclass('net._http_response') is null then
    return cloud_jobs_wake.give_up();
  end if;
  for answer in
    select c.call_id, c.target, c.queues, r.status_code,
      cloud_jobs_wake.error_of(c.target, r.status_code, r.content, r.error_msg, r.timed_out) as error,
      (select min(h.value) from jsonb_each_text(r.headers) as h where lower(h.key) = 'retry-after') as retry_after,
      (select min(h.value) from jsonb_each_text(r.headers) as h where lower(h.key) = 'x-ratelimit-remaining') as remaining,
      (select min(h.value) from jsonb_each_text(r.headers) as h where lower(h.key) = 'x-ratelimit-reset') as reset
    from cloud_jobs_wake.call c
    join net._http_response r on r.id = c.request_id
    where c.answered_at is null
    order by c.call_id
    limit 100
  loop
    update cloud_jobs_wake.call c set answered_at = now(), http_status = answer.status_code, error = answer.error
    where c.call_id = answer.call_id;
    if answer.error is null then
      update cloud_jobs_wake.watched w set errors = 0
      where w.queue = any (answer.queues) and w.target = answer.target;
    else
      -- What the answer asks for, within an hour, and half a minute more, since a call may come that much early.
      wait := case
        when answer.retry_after ~ '^\d{1,6}$' then answer.retry_after::double precision
        when answer.remaining = '0' and answer.reset ~ '^\d{1,12}$' then answer.reset::double precision - extract(epoch from now())
      end;
      update cloud_jobs_wake.watched w set errors = w.errors + 1,
        next_call_at = greatest(w.next_call_at, now() + make_interval(secs => case when wait is null then 0 else least(3600, wait) + 30 end),
          now() + cloud_jobs_wake.pause(w.cool_down_seconds, w.errors))
      where w.queue = any (answer.queues) and w.target = answer.target;
    end if;
    collected := collected + 1;
  end loop;
  return collected + cloud_jobs_wake.give_up();
end
$$;

-- Ends waits whose reason has gone: a worker has come since a call that seemed in vain, or the token was replaced.
create or replace function cloud_jobs_wake.shorten_waits()
returns void
language plpgsql
set search_path = ''
as $$
begin
  update cloud_jobs_wake.watched w set in_vain = 0,
    next_call_at = case when w.errors = 0
      then least(w.next_call_at, w.last_call_at + make_interval(secs => w.cool_down_seconds)) else w.next_call_at end
  where w.in_vain > 0
    and exists (
      select from public.cloud_job_workers k where k.claimed_at >= w.last_call_at and w.queue = any (k.queues));
  update cloud_jobs_wake.watched w set errors = 0, next_call_at = null
  where w.errors > 0
    and w.token_changed_at is distinct from (select s.updated_at from vault.secrets s where s.name = w.token_name);
exception when undefined_table or invalid_schema_name or insufficient_privilege then
  -- Without Vault, ask() says so.
  null;
end
$$;

-- Calls each repository and function that has unattended work. Returns how many calls.
create or replace function cloud_jobs_wake.ask()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  wanted record;
  token text;
  changed timestamptz;
  request bigint;
  this_call bigint;
  body jsonb;
  fault text;
  calls integer := 0;
begin
  for wanted in
    select u.target, u.event_type, u.token_name, u.api_url, array_agg(u.queue order by u.queue) as queues,
      u.database_identity = cloud_jobs_wake.database_identity() as is_original
    from cloud_jobs_wake.unattended() u
    group by u.target, u.event_type, u.token_name, u.api_url, u.database_identity
    order by u.target, u.event_type
  loop
    request := null;
    fault := null;
    token := null;
    changed := null;
    begin
      select s.decrypted_secret, s.updated_at into token, changed
      from vault.decrypted_secrets s where s.name = wanted.token_name;
      token := btrim(token, E' \t\r\n');
      if not wanted.is_original then
        fault := format(
          'It was not called: this database is a restored copy of the one in which %s was watched. If workers use this one now, run cloud_jobs_wake.watch again.',
          wanted.target);
      elsif coalesce(token, '') = '' then
        fault := format('It was not called: Vault has no secret %s. See the top of sql/optional/wake.sql.',
          to_json(wanted.token_name)::text);
      elsif cloud_jobs_wake.is_url(wanted.target) then
        body := jsonb_build_object('queues', to_jsonb(wanted.queues));
        request := net.http_post(url := wanted.target, body := body,
          headers := cloud_jobs_wake.signed_headers(token, body), timeout_milliseconds := 10000);
      else
        request := net.http_post(
          url := wanted.api_url || '/repos/' || wanted.target || '/dispatches',
          body := jsonb_build_object('event_type', wanted.event_type,
            'client_payload', jsonb_build_object('queues', to_jsonb(wanted.queues))),
          -- pg_net adds a User-Agent of its own.
          headers := jsonb_build_object('Accept', 'application/vnd.github+json', 'Content-Type', 'application/json',
            'X-GitHub-Api-Version', '2022-11-28', 'Authorization', 'Bearer ' || token),
          timeout_milliseconds := 10000);
      end if;
    exception when others then
      -- An error of an extension would undo this minute and be seen in pg_cron's own table alone.
      fault := case when token <> '' then replace(sqlerrm, token, '***') else sqlerrm end;
      fault := format('It was not called: %s (%s).', rtrim(left(fault, 300), '.'), sqlstate);
    end;
    insert into cloud_jobs_wake.call as call (request_id, target, queues, answered_at, error)
    values (request, wanted.target, wanted.queues, case when request is null then now() end, fault)
    returning call.call_id into this_call;
    -- A call that was taken and no worker followed was in vain: the workflow fails, or does not take this queue. Ask
    -- less and less often then, since every run is billed.
    update cloud_jobs_wake.watched w set
      last_call_at = now(),
      token_changed_at = changed,
      errors = w.errors + case when request is null then 1 else 0 end,
      in_vain = turn.in_vain,
      next_call_at = now() + cloud_jobs_wake.pause(
        w.cool_down_seconds, case when request is null then w.errors else turn.in_vain end)
    from (
      select v.queue, v.in_vain + case when last_call.is_taken and not exists (
          select from public.cloud_job_workers k where k.claimed_at >= v.last_call_at and v.queue = any (k.queues))
        then 1 else 0 end as in_vain
      from cloud_jobs_wake.watched v
      left join lateral (
        select c.answered_at is not null and c.error is null as is_taken from cloud_jobs_wake.call c
        where c.call_id < this_call and c.target = v.target and v.queue = any (c.queues)
        order by c.call_id desc
        limit 1) last_call on true
      where v.queue = any (wanted.queues)
    ) turn
    where w.queue = turn.queue;
    calls := calls + 1;
  end loop;
  return calls;
end
$$;

-- One minute. Reply: {"collected", "calls"}; null if another call is under way.
create or replace function cloud_jobs_wake.tick()
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  collected integer;
  calls integer;
begin
  if not pg_try_advisory_xact_lock(hashtextextended('cloud-jobs wake', 0)) then
    return null;
  end if;
  insert into cloud_jobs_wake.pulse (at) values (now()) on conflict (one) do update set at = excluded.at;
  collected := cloud_jobs_wake.collect();
  perform cloud_jobs_wake.shorten_waits();
  calls := cloud_jobs_wake.ask();
  if calls > 0 then
    delete from cloud_jobs_wake.call c
    where c.call_id <= (select max(m.call_id) - 1000 from cloud_jobs_wake.call m);
  end if;
  -- pg_cron keeps a row for each minute and never removes one. Rows of an earlier registration have another jobid, and
  -- those of a run that a crash cut off have no times.
  if extract(minute from now()) = 0 and to_regclass('cron.job_run_details') is not null then
    begin
      execute $purge$
        delete from cron.job_run_details d
        where d.command = 'select cloud_jobs_wake.tick()'
          and (coalesce(d.end_time, d.start_time) < now() - interval '2 days'
            or d.end_time is null and d.start_time is null and d.runid < (
              select max(o.runid) from cron.job_run_details o where o.start_time < now() - interval '2 days'))
      $purge$;
    exception when insufficient_privilege then
      -- A role without the right leaves the rows; waking goes on.
      null;
    end;
  end if;
  return jsonb_build_object('collected', collected, 'calls', calls);
end
$$;

-- For doctor and stats, by public.cloud_jobs_wake_state().
create or replace function cloud_jobs_wake.state()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'last_tick_at', (select p.at from cloud_jobs_wake.pulse p),
    'calls_24h', recent.calls, 'errors_24h', recent.errors,
    'watched', (
      select coalesce(jsonb_agg(jsonb_build_object('queue', w.queue, 'target', w.target,
        'last_call_at', w.last_call_at, 'next_call_at', w.next_call_at, 'errors', w.errors, 'in_vain', w.in_vain,
        'last_error', (
          select c.error from cloud_jobs_wake.call c
          where w.errors > 0 and c.answered_at is not null and c.target = w.target and w.queue = any (c.queues)
          order by c.call_id desc limit 1)) order by w.queue), '[]'::jsonb)
      from cloud_jobs_wake.watched w),
    'calls', (
      select coalesce(jsonb_agg(to_jsonb(c) - 'call_id' order by c.call_id desc), '[]'::jsonb)
      from (select * from cloud_jobs_wake.call order by call_id desc limit 5) c))
  from (
    select count(*) as calls, count(*) filter (where c.error is not null) as errors
    from cloud_jobs_wake.call c where c.asked_at > now() - interval '24 hours'
  ) recent
$$;

revoke all on all tables in schema cloud_jobs_wake from public, anon, authenticated, service_role;
revoke all on all functions in schema cloud_jobs_wake from public, anon, authenticated, service_role;
-- What doctor and stats read. Only the role postgres can watch and ask.
grant usage on schema cloud_jobs_wake to service_role;
grant select on all tables in schema cloud_jobs_wake to service_role;
grant execute on function cloud_jobs_wake.state() to service_role;

-- The same name replaces the schedule and the command, and leaves a job that was switched off as it is.
do $$
declare
  id bigint := cron.schedule('cloud-jobs-wake', '* * * * *', 'select cloud_jobs_wake.tick()');
begin
  perform cron.alter_job(j.jobid, active => true) from cron.job j where j.jobid = id and not j.active;
end
$$;

commit;
