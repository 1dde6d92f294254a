-- Changes the settings of a queue: select cloud_jobs_set_queue('reports', '{"max_running": 5}').
--
-- changes: {"paused", "reason", "cool_down_seconds", "max_running", "rate_limit", "rate_period_seconds",
-- "default_timeout_seconds"}. Null takes a limit away; what is left out stays. Locks the settings of the queue. A repeat
-- changes nothing, but a cool-down starts anew. Reply: {"v", "queue"}.
create or replace function public.cloud_jobs_set_queue(queue_param text, changes_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  known constant text[] := array['paused', 'reason', 'cool_down_seconds', 'max_running', 'rate_limit',
    'rate_period_seconds', 'default_timeout_seconds'];
  settings public.cloud_jobs_queues;
  wrong text;
begin
  if queue_param is null or length(queue_param) > 100 or queue_param !~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]*$' then
    perform public.cloud_jobs_refuse(400, format('queue_param is %s.', coalesce(to_json(left(queue_param, 80))::text, 'null')),
      'The name of a queue has 1 to 100 letters, digits and . _ : / -.');
  end if;
  if jsonb_typeof(changes_param) is distinct from 'object' or changes_param = '{}' or changes_param - known <> '{}' then
    perform public.cloud_jobs_refuse(400, format('changes_param is %s.', left(changes_param::text, 200)),
      'These can be set: ' || array_to_string(known, ', ') || '.');
  end if;
  select format('%s is %s', c.key, left(c.value::text, 80)) into wrong
  from jsonb_each(changes_param) c
  where case c.key
    when 'paused' then jsonb_typeof(c.value) <> 'boolean'
    when 'reason' then jsonb_typeof(c.value) not in ('string', 'null') or length(c.value #>> '{}') > 500
    when 'cool_down_seconds' then jsonb_typeof(c.value) <> 'null' and (jsonb_typeof(c.value) <> 'number' or (c.value #>> '{}')::numeric not between 0 and 2592000)
    else jsonb_typeof(c.value) <> 'null' and (jsonb_typeof(c.value) <> 'number' or c.value #>> '{}' !~ '^\d{1,7}$'
      or (c.value #>> '{}')::integer not between 1 and case c.key when 'max_running' then 100000 when 'rate_limit' then 1000000
        when 'rate_period_seconds' then 604800 else 9999999 end)
  end
  limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, wrong || '.', 'paused is true or false, reason a text of up to 500 characters, and the others whole numbers above 0, or null for no limit.');
  end if;

  insert into public.cloud_jobs_queues (queue) values (queue_param) on conflict do nothing;
  select * into settings from public.cloud_jobs_queues where queue = queue_param for update;
  settings := jsonb_populate_record(settings, changes_param - 'cool_down_seconds');
  if changes_param ? 'rate_limit' and settings.rate_limit is null then
    settings.rate_period_seconds := null;
  elsif settings.rate_limit is not null then
    settings.rate_period_seconds := coalesce(settings.rate_period_seconds, 60);
  end if;
  if changes_param ? 'cool_down_seconds' then
    settings.cool_down_until := now() + make_interval(secs => (changes_param->>'cool_down_seconds')::double precision);
  end if;
  -- The reason belongs to a pause.
  if not settings.paused and (settings.cool_down_until > now()) is not true then
    settings.reason := null;
  end if;
  update public.cloud_jobs_queues s set paused = settings.paused, reason = settings.reason, cool_down_until = settings.cool_down_until,
    max_running = settings.max_running, rate_limit = settings.rate_limit, rate_period_seconds = settings.rate_period_seconds,
    default_timeout_seconds = settings.default_timeout_seconds, updated_at = now(),
    -- Another period cuts time into other tenths, so counting starts anew.
    rate_starts = case when s.rate_period_seconds is distinct from settings.rate_period_seconds then '{}' else s.rate_starts end,
    rate_slot = case when s.rate_period_seconds is distinct from settings.rate_period_seconds then 0 else s.rate_slot end
  where s.queue = queue_param;
  return jsonb_build_object('v', 1, 'queue', queue_param);
end
$$;
