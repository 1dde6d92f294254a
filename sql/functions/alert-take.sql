-- Hands a worker the alerts of a channel that are due, up to 20, to send them.
--
-- Registers the channel for the queues, so that later failures are written to the outbox. warnings_param: what the run warns
-- about, [{"subject", "error"}]. hold_param: how long another message about a subject that is known to fail waits, so that a
-- job which fails every minute is not reported every minute.
--
-- Reply: {"v", "alerts": [{"id", "action": "failed" | "recovered", "kind": "job" | "run" | "approval", "subject", "queue", "job_id", "error",
-- "failure_kind", "run_url", "at", "failures", "first_failed_at", "is_new", "issue_number"}]}. One message reports all failures of a
-- subject since the last, and a subject has one message on its way at a time. The message of an id never changes, so a
-- receiver can leave out what it has seen.
--
-- What is handed out is held for lease_seconds_param; report it with cloud_jobs_alert_done. A repeat hands the same alerts to
-- the same worker again. Calls for one channel take turns (an advisory lock).
create or replace function public.cloud_jobs_alert_take(
  instance_id_param text, channel_param text, queues_param text[], warnings_param jsonb default '[]',
  hold_param interval default '0', lease_seconds_param integer default 120)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  group_row record;
  batch text;
  known public.cloud_jobs_alert_subjects;
begin
  perform public.cloud_jobs_check_queues(queues_param);
  if coalesce(instance_id_param, '') = '' or coalesce(channel_param, '') = '' or length(channel_param) > 300
    or coalesce(cardinality(queues_param), 0) = 0 or jsonb_typeof(warnings_param) is distinct from 'array'
    or lease_seconds_param not between 1 and 3600
  then
    perform public.cloud_jobs_refuse(400, 'instance_id_param, channel_param, queues_param, warnings_param or lease_seconds_param cannot be used.',
      'Name the worker, the channel (up to 300 characters) and its queues; the lease is 1 to 3600 s.');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs alerts: ' || channel_param, 0));
  insert into public.cloud_jobs_alert_channels (channel, queue)
  select channel_param, q.queue from (select distinct unnest(queues_param) as queue) q
  on conflict (channel, queue) do update set seen_at = now()
    where cloud_jobs_alert_channels.seen_at < now() - interval '1 hour';
  -- A week is the longest that an alert is worth sending, and that a sent one is kept.
  delete from public.cloud_jobs_alert_outbox where alert_id in (
    select o.alert_id from public.cloud_jobs_alert_outbox o
    where o.created_at < now() - interval '7 days' order by o.created_at limit 1000 for update skip locked);

  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, error)
  select channel_param, queues_param[1], left(w.warning->>'subject', 500), 'run', 'failed', left(w.warning->>'error', 4000)
  from jsonb_array_elements(warnings_param) as w (warning);
  perform public.cloud_jobs_alert_recoveries(channel_param, queues_param);

  -- For each subject without a message on its way: its oldest rows of one action become a message.
  for group_row in
    select o.subject, o.action, min(o.kind) as kind, array_agg(o.alert_id order by o.created_at, o.alert_id) as ids
    from (
      select o.*, sum(case when o.action is distinct from o.before then 1 else 0 end)
        over (partition by o.subject order by o.created_at, o.alert_id) as run
      from (
        select o.*, lag(o.action) over (partition by o.subject order by o.created_at, o.alert_id) as before,
          bool_or(o.batch_id is not null) over (partition by o.subject) as is_on_its_way,
          bool_or(o.action = 'recovered') over (partition by o.subject) as has_recovered
        from (
          select o.* from public.cloud_jobs_alert_outbox o
          where o.channel = channel_param and o.sent_at is null and o.queue = any (queues_param)
          order by o.created_at, o.alert_id limit 20000) o
      ) o
      where not o.is_on_its_way and (o.has_recovered or not exists (
        select from public.cloud_jobs_alert_subjects s
        where s.channel = channel_param and s.subject = o.subject and s.is_open and s.last_sent_at > now() - hold_param))
    ) o
    where o.run = 1
    group by o.subject, o.action
    order by min(o.created_at)
    limit 20
  loop
    batch := public.cloud_jobs_new_id();
    known := null;
    select s.* into known from public.cloud_jobs_alert_subjects s where s.channel = channel_param and s.subject = group_row.subject;
    insert into public.cloud_jobs_alert_subjects as s (channel, subject, queue, kind, is_open, opened_at, failures, last_failed_at, job_ids, checked_to)
    select channel_param, group_row.subject, max(o.queue), group_row.kind, true, min(o.created_at), count(*), max(o.created_at),
      coalesce((array_agg(distinct o.job_id) filter (where o.job_id is not null))[:20], '{}'), max(o.created_at)
    from public.cloud_jobs_alert_outbox o where o.alert_id = any (group_row.ids) and group_row.action = 'failed'
    having count(*) > 0
    on conflict (channel, subject) do update set is_open = true, queue = excluded.queue,
      opened_at = case when s.is_open then s.opened_at else excluded.opened_at end,
      failures = case when s.is_open then s.failures else 0 end + excluded.failures,
      last_failed_at = excluded.last_failed_at,
      job_ids = (array(select distinct unnest(excluded.job_ids || case when s.is_open then s.job_ids else '{}' end)))[:20],
      checked_to = excluded.checked_to;
    if group_row.action = 'recovered' then
      update public.cloud_jobs_alert_subjects s set is_open = false where s.channel = channel_param and s.subject = group_row.subject;
    end if;
    update public.cloud_jobs_alert_outbox o set batch_id = batch, next_at = now(),
      message = case when o.alert_id = group_row.ids[cardinality(group_row.ids)] then jsonb_build_object('id', batch, 'action', o.action,
        'kind', o.kind, 'subject', o.subject, 'queue', o.queue, 'job_id', o.job_id, 'error', o.error, 'failure_kind', o.failure_kind,
        'run_url', o.run_url, 'at', o.created_at, 'failures', s.failures, 'first_failed_at', s.opened_at,
        'is_new', coalesce(known.is_open, false) = false and o.action = 'failed') end
    from public.cloud_jobs_alert_subjects s
    where o.alert_id = any (group_row.ids) and s.channel = channel_param and s.subject = group_row.subject;
  end loop;

  update public.cloud_jobs_alert_outbox o set leased_by = instance_id_param,
    leased_until = now() + make_interval(secs => lease_seconds_param)
  where o.batch_id in (
    select b.batch_id from public.cloud_jobs_alert_outbox b
    where b.channel = channel_param and b.sent_at is null and b.message is not null and b.next_at <= now()
      and b.queue = any (queues_param)
      and (b.leased_until is null or b.leased_until < now() or b.leased_by = instance_id_param)
    order by b.created_at limit 20);
  return jsonb_build_object('v', 1, 'alerts', (
    select coalesce(jsonb_agg(o.message || jsonb_build_object('issue_number', s.issue_number) order by o.created_at, o.alert_id), '[]'::jsonb)
    from public.cloud_jobs_alert_outbox o
    join public.cloud_jobs_alert_subjects s on s.channel = o.channel and s.subject = o.subject
    where o.channel = channel_param and o.sent_at is null and o.message is not null
      and o.leased_by = instance_id_param and o.leased_until > now() and o.next_at <= now()));
end
$$;

-- Writes to the outbox which subjects of a channel that failed have succeeded since.
--
-- A job of the same name that succeeded counts, whether it is the same job or another; up to 50,000 finished jobs are looked
-- at in one call, and the next goes on. A warning of a run has passed if it has not come for a day, an approval if the job waits for it no
-- longer.
create or replace function public.cloud_jobs_alert_recoveries(channel_param text, queues_param text[])
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
declare
  -- A transaction that began earlier may commit later.
  overlap constant interval := interval '1 minute';
  since constant timestamptz := (
    select min(s.checked_to) from public.cloud_jobs_alert_subjects s
    where s.channel = channel_param and s.is_open and s.kind = 'job') - overlap;
  names text[];
  times timestamptz[];
  reached timestamptz;
begin
  if since is not null then
    select array_agg(f.name), array_agg(f.succeeded_at), max(f.reached) into names, times, reached
    from (
      select j.name, max(j.finished_at) filter (where j.status = 'success') as succeeded_at, max(j.finished_at) as reached
      from (
        select j.name, j.status, j.finished_at from public.cloud_jobs j
        where j.status in ('success', 'failed') and j.finished_at is not null and j.finished_at > since
        order by j.finished_at limit 50000) j
      group by j.name
    ) f;
  end if;
  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, job_id, run_url)
  select s.channel, s.queue, s.subject, s.kind, 'recovered', good.job_id, good.run_url
  from (
    select s.*, greatest(s.last_failed_at, (
      select max(o.created_at) from public.cloud_jobs_alert_outbox o
      where o.channel = s.channel and o.sent_at is null and o.subject = s.subject and o.action = 'failed')) as failed_at
    from public.cloud_jobs_alert_subjects s
    where s.channel = channel_param and s.is_open and s.queue = any (queues_param)
  ) s
  left join lateral (
    select e.job_id, e.run_url from public.cloud_job_executions e
    where e.job_id = any (s.job_ids) and e.status = 'success' and e.started_at >= s.failed_at
    order by e.started_at desc limit 1) good on s.kind = 'job'
  where (good.job_id is not null
      or exists (select from unnest(names, times) as f (name, at) where s.kind = 'job' and f.name = s.subject and f.at > s.failed_at)
      or (s.kind = 'run' and s.failed_at < now() - interval '1 day')
      or (s.kind = 'approval' and not exists (
        select from public.cloud_jobs j
        join public.cloud_job_steps w on w.job_id = j.job_id and w.occurrence = j.occurrence
        where j.job_id = any (s.job_ids) and j.finished_at is null and w.kind = 'event' and w.finished_at is null
          and public.cloud_jobs_approval_subject(j.job_id, j.name, w.name, w.details) = s.subject)))
    and not exists (
      select from public.cloud_jobs_alert_outbox o
      where o.channel = s.channel and o.sent_at is null and o.subject = s.subject and o.action = 'recovered');
  update public.cloud_jobs_alert_subjects s set checked_to = coalesce(reached, now())
  where s.channel = channel_param and s.is_open and s.kind = 'job' and s.checked_to < coalesce(reached, now()) - overlap;
end
$$;
