-- Wake on work: starts the workflow within a minute or two when a job is due, so that the schedule of the workflow
-- can be as rare as hourly. See docs/guides/waking.md.
--
-- Once a minute pg_cron asks whether work is due and nobody is at it. Only then pg_net asks GitHub for a
-- repository_dispatch, with a token kept in Vault. pg_net sends a request once and forgets it, and a crash of the
-- database loses it: the schedule of the workflow stays as the guarantee.
--
-- 1. Run sql/install.sql, and enable the extensions pg_cron and pg_net (Database > Extensions).
-- 2. Make a fine-grained personal access token for the repository alone, with the permission "Contents: read and
--    write" (repository_dispatch asks for it) and nothing else, and keep it in Vault:
--      select vault.create_secret('github_pat_...', 'cloud_jobs_github_token');
-- 3. Run this file. It can be run again at any time, and must be after an upgrade.
-- 4. Say which repository works on which queue; its workflow has `on: repository_dispatch: types: [cloud-jobs]`:
--      select cloud_jobs_wake.watch('default', 'OWNER/REPOSITORY');
--
-- To stop it for a while:    select cron.unschedule('cloud-jobs-wake');      (running this file starts it again)
-- To leave one queue out:    select cloud_jobs_wake.unwatch('default');
-- To take all of it away:    select cron.unschedule('cloud-jobs-wake'); drop schema cloud_jobs_wake cascade;
--
-- Who has the token can write to the repository. It is in Vault, encrypted; for the moment until a request is sent it
-- is also in pg_net's own table, which roles with a direct database connection can read. The Data API shows neither.
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

-- Which repository works on a queue.
create table if not exists cloud_jobs_wake.watched (
  queue             text primary key,
  repository        text not null check (repository ~ '^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$'),
  job_types         text[] not null,
  event_type        text not null check (length(event_type) between 1 and 100),
  token_name        text not null,
  api_url           text not null check (api_url ~ '^https?://[^/?#]+(/[^?#]*[^/?#])?$'),
  cool_down_seconds integer not null check (cool_down_seconds between 60 and 86400),
  -- Not again before then: the cool-down, or what an error asks for.
  next_call_at      timestamptz,
  last_call_at      timestamptz,
  -- Calls in a row that GitHub refused, and calls in a row after which no worker took a job of the queue.
  errors            integer not null default 0,
  in_vain           integer not null default 0
);

-- Every call and what came of it; the newest 1000.
create table if not exists cloud_jobs_wake.call (
  call_id     bigint generated always as identity primary key,
  -- pg_net's id of the request; null where none was sent.
  request_id  bigint,
  repository  text not null,
  queues      text[] not null,
  asked_at    timestamptz not null default now(),
  answered_at timestamptz,
  http_status integer,
  error       text
);
create index if not exists call_open on cloud_jobs_wake.call (call_id) where answered_at is null;

-- When pg_cron last came. One row.
create table if not exists cloud_jobs_wake.pulse (
  one boolean primary key default true check (one),
  at  timestamptz not null
);

alter table cloud_jobs_wake.watched enable row level security;
alter table cloud_jobs_wake.call enable row level security;
alter table cloud_jobs_wake.pulse enable row level security;

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
  insert into cloud_jobs_wake.watched (queue, repository, job_types, event_type, token_name, api_url, cool_down_seconds)
  values (queue_param, repository_param, job_types_param, event_type_param, token_name_param,
    rtrim(api_url_param, '/'), cool_down_seconds_param)
  on conflict (queue) do update set repository = excluded.repository, job_types = excluded.job_types,
    event_type = excluded.event_type, token_name = excluded.token_name, api_url = excluded.api_url,
    cool_down_seconds = excluded.cool_down_seconds, next_call_at = null, errors = 0, in_vain = 0
$$;

create or replace function cloud_jobs_wake.unwatch(queue_param text)
returns void
language sql
set search_path = ''
as $$
  delete from cloud_jobs_wake.watched where queue = queue_param
$$;

-- Queues with work that nobody is at: the one question of each minute, answered from the indexes of the claim.
--
-- Somebody is at it while a worker that takes the queue asked within 90 s (one that lingers asks every 60 s at least),
-- or holds a lock of the queue. A lock taken an hour ago vouches for that job alone: by then a worker has used up its
-- time budget and takes nothing new.
create or replace function cloud_jobs_wake.unattended()
returns setof cloud_jobs_wake.watched
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
as $$
  select w.*
  from cloud_jobs_wake.watched w
  where (w.next_call_at is null or w.next_call_at <= now())
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

-- What to do about an answer, in words.
create or replace function cloud_jobs_wake.error_of(
  status_param integer, content_param text, error_param text, timed_out_param boolean)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  said text;
begin
  if status_param between 200 and 299 then
    return null;
  elsif status_param is null then
    return format('GitHub did not answer: %s.', rtrim(coalesce(nullif(left(error_param, 300), ''),
      case when timed_out_param then 'timeout' else 'no reason is known' end), '.'));
  end if;
  begin
    said := content_param::jsonb->>'message';
  exception when others then
    -- A page of a proxy, say. Its words are of no use here.
    said := null;
  end;
  return format('GitHub answered HTTP %s%s. %s', status_param, coalesce(': ' || rtrim(left(said, 300), '.'), ''),
    case
      when status_param = 401 then 'The token is wrong or has expired: put a new one into Vault.'
      when status_param = 403 and said ilike '%rate limit%' or status_param = 429 then 'It is asked again when the limit is over.'
      when status_param = 403 then 'The token may not do this: it needs the permission "Contents: read and write" for this repository.'
      when status_param = 404 then 'The repository does not exist, or the token may not see it.'
      when status_param = 422 then 'GitHub does not take the event: see the event type.'
      when status_param between 300 and 399 then 'The repository was renamed or moved: watch it by its new name.'
      else 'It is asked again later.'
    end);
end
$$;

-- Reads the answers that pg_net has, and gives up on those that it will not have any more.
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
  for answer in
    select c.call_id, c.repository, c.queues, r.id is not null as answered, r.status_code,
      case when r.id is null then 'GitHub did not answer: pg_net has no record of the request. It may have been restarted.'
        else cloud_jobs_wake.error_of(r.status_code, r.content, r.error_msg, r.timed_out) end as error,
      (select min(h.value) from jsonb_each_text(r.headers) as h where lower(h.key) = 'retry-after') as retry_after,
      (select min(h.value) from jsonb_each_text(r.headers) as h where lower(h.key) = 'x-ratelimit-remaining') as remaining,
      (select min(h.value) from jsonb_each_text(r.headers) as h where lower(h.key) = 'x-ratelimit-reset') as reset
    from cloud_jobs_wake.call c
    left join lateral (select * from net._http_response r where r.id = c.request_id limit 1) r on true
    where c.answered_at is null and (r.id is not null or c.asked_at < now() - interval '10 minutes')
    order by c.call_id
    limit 100
  loop
    update cloud_jobs_wake.call c set answered_at = now(), http_status = answer.status_code, error = answer.error
    where c.call_id = answer.call_id;
    if answer.error is null then
      update cloud_jobs_wake.watched w set errors = 0
      where w.queue = any (answer.queues) and w.repository = answer.repository;
    else
      -- What GitHub asks for, within an hour; else twice as long after each error in a row.
      wait := case
        when answer.retry_after ~ '^\d{1,6}$' then answer.retry_after::double precision
        when answer.remaining = '0' and answer.reset ~ '^\d{1,12}$' then answer.reset::double precision - extract(epoch from now())
      end;
      update cloud_jobs_wake.watched w set errors = w.errors + 1,
        next_call_at = greatest(w.next_call_at, now() + make_interval(secs => least(3600,
          greatest(coalesce(wait, 0), w.cool_down_seconds * 2 ^ least(w.errors, 6)))))
      where w.queue = any (answer.queues) and w.repository = answer.repository;
    end if;
    collected := collected + 1;
  end loop;
  return collected;
end
$$;

-- Asks GitHub to start the workflow of each repository that has unattended work. Returns how many calls.
create or replace function cloud_jobs_wake.ask()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  wanted record;
  token text;
  request bigint;
  fault text;
  calls integer := 0;
begin
  for wanted in
    select u.repository, u.event_type, u.token_name, u.api_url, array_agg(u.queue order by u.queue) as queues
    from cloud_jobs_wake.unattended() u
    group by u.repository, u.event_type, u.token_name, u.api_url
    order by u.repository, u.event_type
  loop
    request := null;
    fault := null;
    begin
      select s.decrypted_secret into token from vault.decrypted_secrets s where s.name = wanted.token_name;
      token := btrim(token, E' \t\r\n');
      if coalesce(token, '') = '' then
        fault := format('GitHub was not asked: Vault has no secret %s. See the top of sql/optional/wake.sql.',
          to_json(wanted.token_name)::text);
      else
        request := net.http_post(
          url := wanted.api_url || '/repos/' || wanted.repository || '/dispatches',
          body := jsonb_build_object('event_type', wanted.event_type,
            'client_payload', jsonb_build_object('queues', to_jsonb(wanted.queues))),
          headers := jsonb_build_object('Accept', 'application/vnd.github+json', 'Content-Type', 'application/json',
            'X-GitHub-Api-Version', '2022-11-28', 'User-Agent', 'cloud-jobs', 'Authorization', 'Bearer ' || token),
          timeout_milliseconds := 10000);
      end if;
    exception when others then
      -- An error of an extension would undo this minute and be seen in pg_cron's own table alone.
      fault := case when token <> '' then replace(sqlerrm, token, '***') else sqlerrm end;
      fault := format('GitHub was not asked: %s (%s).', rtrim(left(fault, 300), '.'), sqlstate);
    end;
    insert into cloud_jobs_wake.call (request_id, repository, queues, answered_at, error)
    values (request, wanted.repository, wanted.queues, case when request is null then now() end,
      fault);
    -- A call after which no worker took a job was in vain: the workflow fails, or does not take this queue. Ask less
    -- and less often then, since every run is billed.
    update cloud_jobs_wake.watched w set
      last_call_at = now(),
      errors = w.errors + case when request is null then 1 else 0 end,
      in_vain = turn.in_vain,
      next_call_at = now() + make_interval(secs =>
        least(greatest(3600, w.cool_down_seconds), w.cool_down_seconds * 2 ^ least(turn.in_vain, 6)))
    from (
      select v.queue, case when v.last_call_at is null or exists (
          select from public.cloud_job_workers k where k.claimed_at >= v.last_call_at and v.queue = any (k.queues))
        then 0 else v.in_vain + 1 end as in_vain
      from cloud_jobs_wake.watched v
      where v.queue = any (wanted.queues)
    ) turn
    where w.queue = turn.queue;
    calls := calls + 1;
  end loop;
  return calls;
end
$$;

-- One minute. Reply: {"collected", "calls"}; null where another call is at it.
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
  calls := cloud_jobs_wake.ask();
  if calls > 0 then
    delete from cloud_jobs_wake.call c
    where c.call_id <= (select max(m.call_id) - 1000 from cloud_jobs_wake.call m);
  end if;
  -- pg_cron keeps a row for each minute and never removes one.
  if extract(minute from now()) = 0 and to_regclass('cron.job_run_details') is not null then
    begin
      execute $purge$
        delete from cron.job_run_details d using cron.job j
        where j.jobid = d.jobid and j.jobname = 'cloud-jobs-wake' and d.end_time < now() - interval '2 days'
      $purge$;
    exception when insufficient_privilege then
      -- Whose role may not is to do it another way; waking goes on.
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
      select coalesce(jsonb_agg(jsonb_build_object('queue', w.queue, 'repository', w.repository,
        'last_call_at', w.last_call_at, 'next_call_at', w.next_call_at, 'errors', w.errors, 'in_vain', w.in_vain,
        'last_error', (
          select c.error from cloud_jobs_wake.call c
          where w.errors > 0 and c.answered_at is not null and c.repository = w.repository and w.queue = any (c.queues)
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
-- What doctor and stats read. Only the role postgres can watch, ask and see the token.
grant usage on schema cloud_jobs_wake to service_role;
grant select on all tables in schema cloud_jobs_wake to service_role;
grant execute on function cloud_jobs_wake.state() to service_role;

-- The same name replaces.
do $$ begin perform cron.schedule('cloud-jobs-wake', '* * * * *', 'select cloud_jobs_wake.tick()'); end $$;

commit;
