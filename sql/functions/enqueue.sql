-- Adds jobs, all or none.
--
-- items: [{"name", "job_type", "config", "description", "max_retries", "priority", "run_at" | "delay_seconds", "queue",
-- "timeout_seconds", "unique_key", "concurrency_key", "schedule", "timezone", "missed", "missed_grace_seconds",
-- "expires_at" | "expires_in_seconds", "on_conflict",
-- "retry_delay_seconds", "retry_factor", "concurrency_limit", "job_id", "ref", "depends_on", "on_parent_failure"}].
-- name and job_type are required; the rest has the defaults of the table. A job that is not started by expires_at, or
-- within expires_in_seconds of when it is due, fails as expired. A recurring job is first due at the next
-- occurrence of its schedule, or at run_at if that is given.
--
-- depends_on: refs of earlier items, or ids of jobs. The job starts when all of them have succeeded. on_parent_failure says what
-- becomes of it if one fails for good or is deleted: cancel (the default), run, or wait for the one to succeed after all.
--
-- Reply: {"v", "schema", "jobs": [{"job_id", "created"}]} in the order of items; replaced is added for on_conflict replace and next.
--
-- A repeat adds nothing if each job has a job_id chosen by the caller (a fresh UUID): created is true again, but false if
-- the id is that of another job, of other content or in another queue. null is an empty list. Jobs of one batch that are
-- due at the same time are worked in the order of items. A unique_key names one unfinished job
-- of its queue: if there is one, that job is the answer, unless on_conflict says otherwise (see
-- cloud_jobs_enqueue_on_conflict). Inserts in the order of queue and unique_key, so that two batches
-- with the same keys do not deadlock.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_enqueue(items_param jsonb)
returns json
language plpgsql
set search_path = ''
-- Rows are looked up only by their keys.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  -- The jsonb_agg of a trigger that saw no rows is null.
  items jsonb := coalesce(nullif(items_param, 'null'), '[]');
  total integer;
  wrong record;
  added bigint;
  reply json;
  missing boolean;
  settled jsonb := '{}';
begin
  perform public.cloud_jobs_check_items(items);
  if public.cloud_jobs_allowed_queues() is not null then
    perform public.cloud_jobs_check_queues(array(
      select distinct coalesce(i.item->>'queue', 'default') from jsonb_array_elements(items) as i (item)));
    -- It deletes history, of all queues: more than such a key may do itself.
    if items @> '[{"job_type": "maintenance"}]' then
      perform public.cloud_jobs_refuse(403, 'The key may not add maintenance jobs.', 'They prune the history of all queues. Use the secret key.');
    end if;
  end if;

  -- Every job gets its id here, so that the rows can be found again below whatever a conflict did.
  if exists (select from jsonb_array_elements(items) as i (item) where i.item->>'job_id' is null) then
    select jsonb_agg(case when i.item->>'job_id' is null then i.item || jsonb_build_object('job_id', public.cloud_jobs_new_id()) else i.item end order by i.ordinal)
    into items
    from jsonb_array_elements(items) with ordinality as i (item, ordinal);
  end if;

  if items @? '$[*].on_conflict ? (@ == "replace" || @ == "next")' then
    settled := public.cloud_jobs_enqueue_on_conflicts(items);
    if settled <> '{}' then
      select coalesce(jsonb_agg(i.item order by i.ordinal), '[]') into items
      from jsonb_array_elements(items) with ordinality as i (item, ordinal) where not settled ? i.ordinal::text;
    end if;
  end if;

  total := jsonb_array_length(items);
  -- More than one round only when a job with the same unique key was finished between insert and look-up.
  for round in 1..5 loop
    insert into public.cloud_jobs (job_id, name, job_type, config, description, max_retries, priority, run_at, queue,
      timeout_seconds, unique_key, concurrency_key, schedule, timezone, scheduled_for, missed, missed_grace_seconds,
      expires_at, expires_in_seconds, concurrency_limit, retry_delay_seconds, retry_factor)
    select i.job_id, i.name, i.job_type, coalesce(i.config, '{}'::jsonb), coalesce(i.description, ''),
      coalesce(i.max_retries, 3), coalesce(i.priority, 0),
      -- Microseconds keep the order of the batch: ids may be the caller's. A job that is due now stays due now.
      case
        when i.schedule is not null then coalesce(i.run_at, now() + make_interval(secs => coalesce(i.delay_seconds, 0)))
        when coalesce(i.run_at, now()) <= now() and coalesce(i.delay_seconds, 0) = 0
          then coalesce(i.run_at, now()) - (total - i.ordinal) * interval '1 microsecond'
        else coalesce(i.run_at, now() + make_interval(secs => i.delay_seconds)) + (i.ordinal - 1) * interval '1 microsecond'
      end, coalesce(i.queue, 'default'),
      i.timeout_seconds, i.unique_key, i.concurrency_key, i.schedule,
      case when i.schedule is not null then coalesce(i.timezone, 'UTC') end,
      case when i.schedule is not null then coalesce(i.run_at, now() + make_interval(secs => i.delay_seconds)) end,
      coalesce(i.missed, 'once'), coalesce(i.missed_grace_seconds, 900), i.expires_at, i.expires_in_seconds,
      coalesce(i.concurrency_limit, 1), i.retry_delay_seconds, i.retry_factor
    from rows from (jsonb_to_recordset(items) as (job_id text, name text, job_type text, config jsonb, description text,
      max_retries integer, priority smallint, run_at timestamptz, delay_seconds double precision, queue text,
      timeout_seconds integer, unique_key text, concurrency_key text, schedule text, timezone text, missed text,
      missed_grace_seconds integer, expires_at timestamptz, expires_in_seconds integer, concurrency_limit integer,
      retry_delay_seconds integer, retry_factor double precision))
      with ordinality as i (job_id, name, job_type, config, description, max_retries, priority, run_at, delay_seconds,
        queue, timeout_seconds, unique_key, concurrency_key, schedule, timezone, missed, missed_grace_seconds,
        expires_at, expires_in_seconds, concurrency_limit, retry_delay_seconds, retry_factor, ordinal)
    -- Two batches with the same keys meet them in the same order, so neither waits for the other in a circle.
    order by coalesce(i.queue, 'default'), i.unique_key, i.ordinal
    on conflict do nothing;
    get diagnostics added = row_count;

    if added = total then
      -- The common case: every job is new, and there is nothing to look up.
      select json_agg(job) into reply
      from (select i.item->>'job_id' as job_id, true as created from jsonb_array_elements(items) as i (item)) job;
      exit;
    end if;

    if round = 1 then
      select max(i.ordinal) as ordinal, max(i.item->>'name') as name into wrong
      from jsonb_array_elements(items) with ordinality as i (item, ordinal)
      group by i.item->>'job_id' having count(*) > 1
      limit 1;
      if found then
        perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, 'has the job_id of another job of the batch');
      end if;
    end if;

    select json_agg(json_build_object('job_id', coalesce(found.own, found.twin), 'created', coalesce(found.is_same, false)) order by found.ordinal),
      bool_or(found.own is null and found.twin is null)
    into reply, missing
    from (
      select i.ordinal, own.job_id as own,
        -- As the first sending of this request made it. Otherwise the id is another job's.
        (own.name, own.job_type, own.queue, own.config, own.description, own.max_retries, own.priority, own.timeout_seconds,
          own.unique_key, own.concurrency_key, own.schedule, own.timezone, own.missed, own.missed_grace_seconds,
          own.expires_in_seconds, own.concurrency_limit, own.retry_delay_seconds, own.retry_factor)
        is not distinct from (i.item->>'name', i.item->>'job_type', coalesce(i.item->>'queue', 'default'),
          coalesce(nullif(i.item->'config', 'null'), '{}'), coalesce(i.item->>'description', ''),
          coalesce((i.item->>'max_retries')::integer, 3), coalesce((i.item->>'priority')::smallint, 0::smallint),
          (i.item->>'timeout_seconds')::integer, i.item->>'unique_key', i.item->>'concurrency_key', i.item->>'schedule',
          case when i.item->>'schedule' is not null then coalesce(i.item->>'timezone', 'UTC') end,
          coalesce(i.item->>'missed', 'once'), coalesce((i.item->>'missed_grace_seconds')::integer, 900),
          (i.item->>'expires_in_seconds')::integer, coalesce((i.item->>'concurrency_limit')::integer, 1),
          (i.item->>'retry_delay_seconds')::integer, (i.item->>'retry_factor')::double precision)
        -- Not yet due, it has not started, and so its time has not moved.
        and (own.status = 'waiting' and own.occurrence = 1 and (i.item->>'run_at')::timestamptz > now() + interval '1 s'
          and (i.item->>'run_at')::timestamptz - own.run_at not between interval '-1 s' and interval '1 s') is not true
        as is_same,
        (select j.job_id from public.cloud_jobs j
         where j.unique_key = i.item->>'unique_key' and j.queue = coalesce(i.item->>'queue', 'default')
           and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null and not j.key_passed) as twin
      from jsonb_array_elements(items) with ordinality as i (item, ordinal)
      left join public.cloud_jobs own on own.job_id = i.item->>'job_id'
    ) found;
    exit when not missing;
  end loop;
  if missing then
    perform public.cloud_jobs_refuse(503, 'Jobs with the same unique key came and went while this batch was added.',
      'Nothing was enqueued. Send the batch again.');
  end if;

  if settled <> '{}' then
    reply := public.cloud_jobs_merge_replies(settled, reply);
  end if;
  if items_param @> '[{"depends_on": []}]' then
    perform public.cloud_jobs_add_dependencies(items_param, reply::jsonb);
  end if;
  return json_build_object('v', 1, 'schema', (public.cloud_jobs_version()->>'schema')::integer,
    'jobs', coalesce(reply, '[]'::json));
end
$$;
