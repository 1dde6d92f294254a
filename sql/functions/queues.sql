-- The queues that have unfinished jobs or settings, with their depth and limits.
--
-- Reply: {"v", "now", "queues": [{"queue", "due", "due_is_capped", "running", "oldest_due_seconds", "paused",
-- "cool_down_until", "reason", "max_running", "rate_limit", "rate_period_seconds", "rate_used",
-- "default_timeout_seconds"}]}. due counts up to 10,000 and stops there (due_is_capped). Changes nothing.
create or replace function public.cloud_jobs_queue_list()
returns jsonb
language sql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set jit = off
as $$
  -- The names in use, found by jumping from one to the next through the indexes of waiting and locked jobs.
  with recursive waiting (queue) as (
    select min(j.queue) from public.cloud_jobs j where j.status = 'waiting' and not j.blocked
    union all
    select (select min(j.queue) from public.cloud_jobs j where j.status = 'waiting' and not j.blocked and j.queue > waiting.queue)
    from waiting where waiting.queue is not null
  ),
  locked (queue) as (
    select min(j.queue) from public.cloud_jobs j where j.status = 'locked'
    union all
    select (select min(j.queue) from public.cloud_jobs j where j.status = 'locked' and j.queue > locked.queue)
    from locked where locked.queue is not null
  ),
  named as (
    select queue from waiting union select queue from locked union select queue from public.cloud_jobs_queues
  )
  select jsonb_build_object('v', 1, 'now', now(), 'queues', coalesce(jsonb_agg(jsonb_build_object(
    'queue', named.queue, 'due', least(due.n, 10000), 'due_is_capped', due.n > 10000, 'running', running.n,
    'oldest_due_seconds', extract(epoch from now() - public.cloud_jobs_finite(due.oldest)),
    'paused', coalesce(s.paused, false), 'cool_down_until', case when s.cool_down_until > now() then s.cool_down_until end,
    'reason', s.reason, 'max_running', s.max_running, 'rate_limit', s.rate_limit, 'rate_period_seconds', s.rate_period_seconds,
    'rate_used', case when s.rate_limit is not null then
      (select sum(n) from unnest(public.cloud_jobs_recent_starts(s, public.cloud_jobs_rate_slot(s))) n) end,
    'default_timeout_seconds', s.default_timeout_seconds) order by named.queue), '[]'::jsonb))
  from named
  left join public.cloud_jobs_queues s on s.queue = named.queue
  cross join lateral (
    select count(*) as n, min(j.run_at) as oldest from (
      select j.run_at from public.cloud_jobs j
      where j.queue = named.queue and j.status = 'waiting' and not j.blocked and j.run_at <= now() limit 10001) j) due
  cross join lateral (
    select count(*) as n from public.cloud_jobs j where j.queue = named.queue and j.status = 'locked') running
  where named.queue is not null
$$;
