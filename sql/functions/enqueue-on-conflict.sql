-- Adds the jobs of a batch whose on_conflict is replace or next, one by one, and returns their replies by ordinal.
--
-- Calls that name the same unique keys take turns: it takes the advisory locks of all keys, in order, then the rows of the
-- jobs that hold them, in the order of job_id.
create or replace function public.cloud_jobs_enqueue_on_conflicts(items_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  total constant integer := jsonb_array_length(items_param);
  replies jsonb := '{}';
  line record;
begin
  for line in
    select distinct coalesce(i.item->>'queue', 'default') as queue, i.item->>'unique_key' as key
    from jsonb_array_elements(items_param) as i (item) where i.item->>'on_conflict' in ('replace', 'next')
    order by 1, 2
  loop
    perform pg_advisory_xact_lock(hashtextextended(format('cloud-jobs unique key: %s/%s', line.queue, line.key), 0));
  end loop;
  perform from public.cloud_jobs j
  where j.job_id in (
    select k.job_id from jsonb_array_elements(items_param) as i (item)
    join public.cloud_jobs k on k.queue = coalesce(i.item->>'queue', 'default') and k.unique_key = i.item->>'unique_key'
      and k.status in ('waiting', 'locked', 'disabled') and k.finished_at is null and not k.key_passed
    where i.item->>'on_conflict' in ('replace', 'next'))
  order by j.job_id
  for update;
  for line in
    select i.item, i.ordinal from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
    where i.item->>'on_conflict' in ('replace', 'next')
    order by i.ordinal
  loop
    -- Jobs of one batch that are due now keep their order.
    if line.item->>'run_at' is null and coalesce((line.item->>'delay_seconds')::double precision, 0) = 0 then
      line.item := line.item || jsonb_build_object('run_at', now() - (total - line.ordinal) * interval '1 microsecond');
    end if;
    replies := replies || jsonb_build_object(line.ordinal::text, public.cloud_jobs_enqueue_on_conflict(line.item - 'delay_seconds'
      || case when line.item->>'run_at' is null
        then jsonb_build_object('run_at', now() + make_interval(secs => (line.item->>'delay_seconds')::double precision)) else '{}' end));
  end loop;
  return replies;
end
$$;

-- Adds one job with a unique key that may be taken, and returns {"job_id", "created", "replaced"}.
--
-- replace: a waiting job with the key takes the config, the due time and the rest of the new one, and starts with fresh
-- retries. next: a waiting job stays as it is. With both, if the job with the key is running, the new one is added and waits
-- until that has ended, so that no change is lost; it holds the key from then on. The jobs keep apart by their concurrency
-- key, which is made from the unique key if they have none. A recurring and a disabled job stay as they are.
create or replace function public.cloud_jobs_enqueue_on_conflict(item_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  queue_name constant text := coalesce(item_param->>'queue', 'default');
  how constant text := item_param->>'on_conflict';
  item constant jsonb := item_param - 'on_conflict' - case when item_param->>'concurrency_key' is null then 'concurrency_limit' else '' end
    || jsonb_build_object('concurrency_key',
    coalesce(item_param->>'concurrency_key', format('unique key %s/%s', queue_name, md5(item_param->>'unique_key'))));
  holder public.cloud_jobs;
  reply jsonb;
begin
  -- The reply to the first sending of this request was lost.
  select jsonb_build_object('job_id', j.job_id, 'created', false, 'replaced', true) into reply
  from public.cloud_jobs j where j.replaced_by = item->>'job_id';
  if found then
    return reply;
  end if;
  if exists (select from public.cloud_jobs j where j.job_id = item->>'job_id') then
    return public.cloud_jobs_enqueue(jsonb_build_array(item))->'jobs'->0;
  end if;

  -- More than one round only if a plain enqueue of the key comes between.
  for round in 1..5 loop
    select j.* into holder from public.cloud_jobs j
    where j.queue = queue_name and j.unique_key = item->>'unique_key'
      and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null and not j.key_passed
    for update;
    if found and holder.schedule is null then
      if holder.status = 'waiting' and how = 'replace' then
        update public.cloud_jobs j set replaced_by = item->>'job_id',
          name = item->>'name', job_type = item->>'job_type', config = coalesce(nullif(item->'config', 'null'), '{}'),
          description = coalesce(item->>'description', ''), priority = coalesce((item->>'priority')::smallint, 0),
          max_retries = coalesce((item->>'max_retries')::integer, 3), run_at = (item->>'run_at')::timestamptz,
          timeout_seconds = (item->>'timeout_seconds')::integer, expires_at = (item->>'expires_at')::timestamptz,
          expires_in_seconds = (item->>'expires_in_seconds')::integer,
          retry_delay_seconds = (item->>'retry_delay_seconds')::integer,
          retry_factor = (item->>'retry_factor')::double precision,
          -- Its attempts so far were at another config.
          occurrence = j.occurrence + (j.last_execution is not null)::integer,
          current_retries = 0, error_message = null, snoozes = 0, snoozed_since = null
        where j.job_id = holder.job_id;
        return jsonb_build_object('job_id', holder.job_id, 'created', false, 'replaced', true);
      elsif holder.status = 'locked' then
        update public.cloud_jobs j set key_passed = true, concurrency_key = coalesce(j.concurrency_key, item->>'concurrency_key')
        where j.job_id = holder.job_id;
      end if;
    end if;
    reply := public.cloud_jobs_enqueue(jsonb_build_array(item))->'jobs'->0;
    exit when (reply->>'created')::boolean or not exists (
      select from public.cloud_jobs j
      where j.job_id = reply->>'job_id' and j.schedule is null and (j.status = 'locked' or (j.status = 'waiting' and how = 'replace')));
  end loop;
  return reply;
end
$$;

-- The replies to a batch in its order: those of cloud_jobs_enqueue_on_conflicts by ordinal, and the others between them.
create or replace function public.cloud_jobs_merge_replies(settled_param jsonb, others_param json)
returns json
language plpgsql
immutable
set search_path = ''
as $$
declare
  others constant jsonb := coalesce(others_param, '[]');
  total constant integer := jsonb_array_length(others) + (select count(*) from jsonb_object_keys(settled_param));
  merged jsonb[] := '{}';
  taken integer := 0;
begin
  for ordinal in 1..total loop
    if settled_param ? ordinal::text then
      merged := merged || (settled_param->ordinal::text);
    else
      merged := merged || (others->taken);
      taken := taken + 1;
    end if;
  end loop;
  return array_to_json(merged);
end
$$;
