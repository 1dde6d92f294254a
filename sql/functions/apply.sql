-- Makes the recurring jobs of a source, such as a jobs file in a repository, what the source says. All or nothing.
--
-- items: as for cloud_jobs_enqueue, each with a schedule and a unique_key. A job of the same queue and key is updated in
-- place and keeps its history. One that is as the source wants it is left alone, and one that does not exist is created.
-- prune disables jobs that came from this source and are no longer in it. A job that a person disabled stays disabled.
--
-- dry_run does all of this and takes it back, so the plan it shows is the one that would be carried out.
--
-- Reply: {"v", "now", "dry_run", "jobs": [{"key", "job_id", "name", "queue", "action", "status", "run_at", "changes"}]}.
-- action: create, update, enable, unchanged, disable, or gone (no longer in the source, and left alone without prune).
-- changes: {column: [old, new]}.
--
-- Locks: the source (advisory), then the job rows, running ones first, in the order of job_id. A repeat changes nothing.
create or replace function public.cloud_jobs_apply(
  source_param text, items_param jsonb, prune_param boolean default false, dry_run_param boolean default false)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  defaults constant jsonb := '{"description": "", "config": {}, "max_retries": 3, "priority": 0, "queue": "default",
    "timeout_seconds": null, "concurrency_key": null, "timezone": "UTC", "missed": "once", "missed_grace_seconds": 900}';
  item jsonb;
  job public.cloud_jobs;
  current jsonb;
  wanted jsonb;
  changes jsonb;
  action text;
  id text;
  plan jsonb := '[]';
begin
  if coalesce(btrim(source_param), '') = '' or length(source_param) > 500 then
    perform public.cloud_jobs_refuse(400, 'source_param is empty or longer than 500 characters.',
      'Name where the jobs come from, such as owner/repository:jobs.yml.');
  end if;
  perform public.cloud_jobs_check_items(items_param);
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
      where s.source = source_param and s.status in ('waiting', 'locked', 'disabled')
      union
      select k.job_id from jsonb_array_elements(items_param) as i (item)
      join public.cloud_jobs k on k.queue = coalesce(i.item->>'queue', 'default')
        and k.unique_key = i.item->>'unique_key' and k.status in ('waiting', 'locked', 'disabled'))
    order by j.status <> 'locked', j.job_id
    for update;
    for item in
      -- A null says "the default", but what is in the config is the handler's business.
      select jsonb_strip_nulls(i.item - 'config') || case when jsonb_typeof(i.item->'config') <> 'null'
        then jsonb_build_object('config', i.item->'config') else '{}' end
      from jsonb_array_elements(items_param) as i (item) order by i.item->>'unique_key'
    loop
      wanted := defaults || (item - 'unique_key');
      -- First the job where it should be, then one of this source that was in another queue.
      select j.* into job from public.cloud_jobs j
      where j.unique_key = item->>'unique_key' and j.status in ('waiting', 'locked', 'disabled')
        and (j.queue = wanted->>'queue' or j.source = source_param)
      order by j.queue = wanted->>'queue' desc limit 1
      for update;
      if not found then
        id := public.cloud_jobs_enqueue(jsonb_build_array(item))->'jobs'->0->>'job_id';
        update public.cloud_jobs set source = source_param where job_id = id;
        action := 'create';
        changes := '{}';
      else
        id := job.job_id;
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
      where j.source = source_param and j.status in ('waiting', 'locked', 'disabled')
        and not exists (select from jsonb_array_elements(items_param) as i (item) where i.item->>'unique_key' = j.unique_key)
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
      perform public.cloud_jobs_refuse(409, 'A job cannot move to the queue that its source says: an unfinished job with the same unique key is there.',
        'Nothing was changed. Delete or disable one of the two.');
  end;
  -- What was not created has no id.
  return jsonb_build_object('v', 1, 'now', now(), 'dry_run', dry_run_param, 'jobs', (
    select coalesce(jsonb_agg(case when dry_run_param and p.job->>'action' = 'create'
      then p.job || '{"job_id": null}' else p.job end order by p.n), '[]'::jsonb)
    from jsonb_array_elements(plan) with ordinality as p (job, n)));
end
$$;
