-- The items of a source in the order of their keys, each with the unfinished job that it describes: the one with its key in
-- its queue, or else one of this source with its key in another queue.
create or replace function public.cloud_jobs_apply_targets(source_param text, items_param jsonb)
returns table (item jsonb, job_id text)
language sql
stable
set search_path = ''
as $$
  -- A null says "the default", but what is in the config is the handler's business.
  select jsonb_strip_nulls(i.item - 'config' - 'followers') || case when jsonb_typeof(i.item->'config') <> 'null'
      then jsonb_build_object('config', i.item->'config') else '{}' end
      || case when i.item->>'followers' is not null then jsonb_build_object('followers', i.item->'followers') else '{}' end,
    coalesce(here.job_id, moved.job_id)
  from jsonb_array_elements(items_param) as i (item)
  left join public.cloud_jobs here on here.queue = coalesce(i.item->>'queue', 'default')
    and here.unique_key = i.item->>'unique_key'
    and here.status in ('waiting', 'locked', 'disabled') and here.finished_at is null and not here.key_passed
  left join (
    select distinct on (j.unique_key) j.unique_key, j.job_id from public.cloud_jobs j
    where j.source = source_param and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null
    order by j.unique_key, j.job_id
  ) moved on here.job_id is null and moved.unique_key = i.item->>'unique_key'
  order by i.item->>'unique_key'
$$;

-- Makes the recurring jobs of a source, such as a jobs file in a repository, what the source says. All or nothing.
--
-- items: as for cloud_jobs_enqueue, each with a schedule and a unique_key. A job of the same queue and key is updated in
-- place and keeps its history. One that is as the source wants it is left alone, and one that does not exist is created.
-- prune disables jobs that came from this source and are no longer in it. A job that a person disabled stays disabled.
--
-- followers of an item: the jobs that are added after each of its occurrences, see cloud_jobs_add_followers.
--
-- A job that belongs to another source is refused, unless adopt is true: then it belongs to this one.
--
-- dry_run does all of this and takes it back, so the plan it shows is the one that would be carried out.
--
-- Reply: {"v", "now", "dry_run", "jobs": [{"key", "job_id", "name", "queue", "action", "status", "run_at", "changes"}]}.
-- action: create, update, enable, unchanged, disable, or gone (no longer in the source, and left alone without prune).
-- changes: {column: [old, new]}.
--
-- Locks: the source (advisory), then the job rows, running ones first, in the order of job_id. A repeat changes nothing.
create or replace function public.cloud_jobs_apply(
  source_param text, items_param jsonb, prune_param boolean default false, dry_run_param boolean default false,
  adopt_param boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  defaults constant jsonb := '{"description": "", "config": {}, "max_retries": 3, "priority": 0, "queue": "default",
    "timeout_seconds": null, "concurrency_key": null, "timezone": "UTC", "missed": "once", "missed_grace_seconds": 900,
    "expires_in_seconds": null, "concurrency_limit": 1, "retry_delay_seconds": null, "retry_factor": null, "followers": null}';
  item jsonb;
  job public.cloud_jobs;
  current jsonb;
  wanted jsonb;
  changes jsonb;
  action text;
  id text;
  keys constant text[] := array(select i.item->>'unique_key'
    from jsonb_array_elements(case when jsonb_typeof(items_param) = 'array' then items_param else '[]' end) as i (item));
  plan jsonb[] := '{}';
  missing jsonb;
  created text[];
  taken text;
begin
  if coalesce(btrim(source_param), '') = '' or length(source_param) > 500 then
    perform public.cloud_jobs_refuse(400, 'source_param is empty or longer than 500 characters.',
      'Name where the jobs come from, such as owner/repository:jobs.yml.');
  end if;
  perform public.cloud_jobs_check_items(case when jsonb_typeof(items_param) = 'array' then (
    select coalesce(jsonb_agg(case when jsonb_typeof(i.item) = 'object' then i.item - 'followers' else i.item end order by i.ordinal), '[]')
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)) else items_param end);
  perform public.cloud_jobs_check_followers(i.item->>'unique_key', i.item->'followers')
  from jsonb_array_elements(items_param) as i (item) where i.item->>'followers' is not null;
  select i.item into item from jsonb_array_elements(items_param) as i (item)
  where i.item->>'unique_key' is null or i.item->>'schedule' is null or i.item ?| array['job_id', 'run_at', 'delay_seconds'] limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, format('The job %s cannot be applied.', to_json(left(item->>'name', 80))::text),
      'Each needs unique_key and schedule, and takes neither job_id nor run_at nor delay_seconds.');
  end if;
  select to_jsonb(t.item->>'unique_key') into item
  from jsonb_array_elements(items_param) as t (item) group by t.item->>'unique_key' having count(*) > 1 limit 1;
  if found then
    perform public.cloud_jobs_refuse(400, format('The unique_key %s names two jobs.', item), 'Give each job a key of its own.');
  end if;
  -- Two of the same source at once: the second waits, and finds what the first did.
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs apply: ' || source_param, 0));

  begin
    -- All rows that this may touch, in the order in which workers lock theirs, and first those that run: ending a job
    -- looks for the next of its concurrency key.
    perform from public.cloud_jobs j
    where j.job_id in (
      select s.job_id from public.cloud_jobs s
      where s.source = source_param and s.status in ('waiting', 'locked', 'disabled') and s.finished_at is null
      union
      select k.job_id from jsonb_array_elements(items_param) as i (item)
      join public.cloud_jobs k on k.queue = coalesce(i.item->>'queue', 'default')
        and k.unique_key = i.item->>'unique_key' and k.status in ('waiting', 'locked', 'disabled') and k.finished_at is null and not k.key_passed)
    order by j.status <> 'locked', j.job_id
    for update;
    -- What is not there is added in one batch.
    select coalesce(jsonb_agg(t.item - 'followers'), '[]') into missing
    from public.cloud_jobs_apply_targets(source_param, items_param) as t where t.job_id is null;
    created := array(select a.job->>'job_id' from json_array_elements(public.cloud_jobs_enqueue(missing)->'jobs') as a (job)
      where (a.job->>'created')::boolean);
    update public.cloud_jobs set source = source_param where job_id = any (created);

    for item, id in select t.item, t.job_id from public.cloud_jobs_apply_targets(source_param, items_param) as t loop
      wanted := defaults || (item - 'unique_key');
      select j.* into job from public.cloud_jobs j where j.job_id = id for update;
      if not found then
        perform public.cloud_jobs_refuse(503, 'A job of the source ended while it was applied.', 'Nothing was changed. Apply again.');
      elsif id = any (created) then
        action := 'create';
        changes := '{}';
        update public.cloud_jobs set followers = wanted->'followers' where job_id = id and wanted->>'followers' is not null;
      else
        if job.source <> source_param and not adopt_param then
          perform public.cloud_jobs_refuse(409,
            format('The job %s in queue %s belongs to %s.', to_json(left(job.unique_key, 80))::text, job.queue, job.source),
            'Nothing was changed. Use another key, remove the job there and apply that with prune, or apply this with adopt.');
        end if;
        current := to_jsonb(job);
        select coalesce(jsonb_object_agg(w.key, jsonb_build_array(current->w.key, w.value)), '{}') into changes
        from jsonb_each(wanted) as w where current->w.key is distinct from w.value;
        action := case
          when job.status = 'disabled' and job.source is distinct from source_param then 'enable'
          when changes <> '{}' or job.source is distinct from source_param then 'update'
          else 'unchanged' end;
        if action <> 'unchanged' then
          update public.cloud_jobs set source = source_param,
            name = wanted->>'name', job_type = wanted->>'job_type', config = wanted->'config',
            description = wanted->>'description', max_retries = (wanted->>'max_retries')::integer,
            priority = (wanted->>'priority')::smallint, queue = wanted->>'queue',
            timeout_seconds = (wanted->>'timeout_seconds')::integer, concurrency_key = wanted->>'concurrency_key',
            missed = wanted->>'missed', missed_grace_seconds = (wanted->>'missed_grace_seconds')::integer,
            concurrency_limit = (wanted->>'concurrency_limit')::integer,
            expires_in_seconds = (wanted->>'expires_in_seconds')::integer,
            retry_delay_seconds = (wanted->>'retry_delay_seconds')::integer,
            retry_factor = (wanted->>'retry_factor')::double precision,
            followers = nullif(wanted->'followers', 'null'),
            disable_requested_at = case when source is not distinct from source_param then disable_requested_at end
          where job_id = id;
          -- By itself: it moves the job to the next occurrence, which nothing else here should.
          if changes ?| array['schedule', 'timezone'] then
            update public.cloud_jobs set schedule = wanted->>'schedule', timezone = wanted->>'timezone' where job_id = id;
          end if;
          if action = 'enable' then
            perform public.cloud_jobs_enable(id);
          end if;
        end if;
      end if;
      select j.* into job from public.cloud_jobs j where j.job_id = id;
      plan := plan || jsonb_build_object('key', job.unique_key, 'job_id', job.job_id, 'name', job.name, 'queue', job.queue,
        'action', action, 'status', job.status, 'run_at', job.run_at, 'changes', changes);
    end loop;

    for job in
      select j.* from public.cloud_jobs j
      where j.source = source_param and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null
        and (j.unique_key = any (keys)) is not true
      order by j.unique_key
      for update
    loop
      if prune_param then
        perform public.cloud_jobs_disable(job.job_id);
        -- Of no source any more: back in the file, it is enabled again.
        update public.cloud_jobs set source = null where job_id = job.job_id returning status into job.status;
      end if;
      plan := plan || jsonb_build_object('key', job.unique_key, 'job_id', job.job_id, 'name', job.name, 'queue', job.queue,
        'action', case when prune_param then 'disable' else 'gone' end, 'status', job.status, 'run_at', job.run_at, 'changes', '{}'::jsonb);
    end loop;

    if dry_run_param then
      raise exception using errcode = 'PT299', message = 'A dry run: everything is taken back.';
    end if;
  exception
    when sqlstate 'PT299' then
      null;
    when unique_violation then
      get stacked diagnostics taken = constraint_name;
      if taken = 'cloud_jobs_concurrency_key' then
        perform public.cloud_jobs_refuse(409,
          format('The job %s runs, and cannot take the concurrency key %s: another job with that key runs.',
            to_json(left(item->>'unique_key', 80))::text, to_json(left(wanted->>'concurrency_key', 80))::text),
          'Nothing was changed. Apply again when one of the two has ended.');
      end if;
      perform public.cloud_jobs_refuse(409,
        format('The job %s cannot move to queue %s: an unfinished job with the same unique key is there.',
          to_json(left(item->>'unique_key', 80))::text, wanted->>'queue'),
        'Nothing was changed. Cancel or delete one of the two.');
  end;
  -- What was not created has no id.
  return jsonb_build_object('v', 1, 'now', now(), 'dry_run', dry_run_param, 'jobs', (
    select coalesce(jsonb_agg(case when dry_run_param and p.job->>'action' = 'create'
      then p.job || '{"job_id": null}' else p.job end order by p.n), '[]'::jsonb)
    from unnest(plan) with ordinality as p (job, n)));
end
$$;
