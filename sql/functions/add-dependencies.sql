-- What is wrong with the dependencies of one item of cloud_jobs_enqueue, taken by itself; null if nothing is.
create or replace function public.cloud_jobs_dependency_fault(item_param jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select case
    when jsonb_typeof(item_param->'ref') not in ('string', 'null') or item_param->>'ref' !~ '^[A-Za-z_][A-Za-z0-9_-]*$'
      or length(item_param->>'ref') > 100 then 'has a ref that is not 1 to 100 letters, digits and _ -, and begins with a letter'
    when item_param->>'on_parent_failure' not in ('cancel', 'run', 'wait') then 'has an on_parent_failure that is not cancel, run or wait'
    when jsonb_typeof(item_param->'depends_on') = 'null' or not item_param ? 'depends_on' then
      case when item_param->>'on_parent_failure' is not null then 'has an on_parent_failure without depends_on' end
    when jsonb_typeof(item_param->'depends_on') <> 'array'
      or jsonb_path_exists(item_param, '$.depends_on[*] ? (@.type() != "string")')
      then 'has a depends_on that is not a list of refs and job ids'
    when jsonb_array_length(item_param->'depends_on') > 20000 then 'depends on more than 20000 jobs'
    when (select count(*) > count(distinct p.parent) from jsonb_array_elements_text(item_param->'depends_on') as p (parent))
      then 'names a job twice in depends_on'
    when item_param->>'schedule' is not null and jsonb_array_length(item_param->'depends_on') > 0
      then 'has both schedule and depends_on, and a recurring job cannot depend on others'
  end
$$;

-- Adds the dependencies of a batch of jobs that was just inserted: the second half of cloud_jobs_enqueue.
--
-- items: as there. jobs: its reply, in the same order. A job that was there before keeps the dependencies it has, so a repeat
-- changes nothing. A child of jobs that have all finished is due at once.
--
-- Locks the rows of the parents in the order of job_id: a parent that ends at this moment ends either before or after.
create or replace function public.cloud_jobs_add_dependencies(items_param jsonb, jobs_param jsonb)
returns void
language plpgsql
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  -- {ref: {"ordinal", "job_id"}} and {job_id: ordinal} of the entries.
  refs jsonb;
  ordinals jsonb;
  edges jsonb;
  parents text[];
  wrong record;
begin
  select r.ordinal, r.name, r.ref into wrong
  from (
    select i.ordinal, i.item->>'name' as name, i.item->>'ref' as ref,
      row_number() over (partition by i.item->>'ref' order by i.ordinal) as turn
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
    where i.item->>'ref' is not null) r
  where r.turn > 1 order by r.ordinal limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, format('has the ref %s of an earlier job of the batch', to_json(wrong.ref)));
  end if;

  select coalesce(jsonb_object_agg(items_param->(j.ordinal - 1)::integer->>'ref', jsonb_build_object('ordinal', j.ordinal, 'job_id', j.job->>'job_id'))
      filter (where items_param->(j.ordinal - 1)::integer->>'ref' is not null), '{}'),
    jsonb_object_agg(j.job->>'job_id', j.ordinal) filter (where (j.job->>'created')::boolean)
  into refs, ordinals
  from jsonb_array_elements(jobs_param) with ordinality as j (job, ordinal);

  select jsonb_agg(jsonb_build_object('ordinal', e.ordinal, 'name', e.name, 'job_id', e.job_id, 'ref', e.ref,
    'position', e.position, 'on_failure', e.on_failure, 'parent_id', e.parent_id))
  into edges
  from (
    select i.ordinal, i.item->>'name' as name, j.job->>'job_id' as job_id, d.ref, d.position,
      coalesce(i.item->>'on_parent_failure', 'cancel') as on_failure,
      case
        when (refs->d.ref->>'ordinal')::integer < i.ordinal then refs->d.ref->>'job_id'
        -- An entry that is not earlier is no parent, so there are no cycles.
        when (ordinals->>d.ref)::integer >= i.ordinal then null
        else (select p.job_id from public.cloud_jobs p where p.job_id = d.ref)
      end as parent_id
    from jsonb_array_elements(items_param) with ordinality as i (item, ordinal)
    join jsonb_array_elements(jobs_param) with ordinality as j (job, ordinal) on j.ordinal = i.ordinal
    cross join jsonb_array_elements_text(i.item->'depends_on') with ordinality as d (ref, position)
    where jsonb_typeof(i.item->'depends_on') = 'array' and (j.job->>'created')::boolean
      and not exists (select from public.cloud_job_dependencies was where was.job_id = j.job->>'job_id')
  ) e;
  if edges is null then
    return;
  end if;
  select e.* into wrong
  from jsonb_to_recordset(edges) as e (ordinal bigint, name text, ref text, parent_id text)
  where e.parent_id is null order by e.ordinal limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, format('depends on %s, which is %s', to_json(left(wrong.ref, 100)),
      case when refs ? wrong.ref or ordinals ? wrong.ref then 'not an earlier job of the batch' else 'neither the ref of an earlier job of the batch nor the id of a job' end));
  end if;

  parents := array(select distinct e.parent_id from jsonb_to_recordset(edges) as e (parent_id text));
  perform from public.cloud_jobs p where p.job_id = any (parents) order by p.job_id for no key update;
  -- A child gets the results of its parents, so a key may name only parents in its own queues.
  if public.cloud_jobs_allowed_queues() is not null then
    perform public.cloud_jobs_check_queues(array(
      select distinct p.queue from public.cloud_jobs p where p.job_id = any (parents)));
  end if;
  select e.ordinal, e.name, e.ref into wrong
  from jsonb_to_recordset(edges) as e (ordinal bigint, name text, ref text, parent_id text)
  join public.cloud_jobs p on p.job_id = e.parent_id and p.schedule is not null
  order by e.ordinal limit 1;
  if found then
    perform public.cloud_jobs_refuse_item(wrong.ordinal, wrong.name, format('depends on %s, which is recurring and so never ends', to_json(left(wrong.ref, 100))));
  end if;

  update public.cloud_jobs p set has_children = true where p.job_id = any (parents) and p.has_children is not true;
  insert into public.cloud_job_dependencies (job_id, parent_id, ref, position, on_failure, outcome, root_id)
  select e.job_id, e.parent_id, e.ref, e.position, e.on_failure, ended.status,
    case when ended.status = 'failed' then public.cloud_jobs_root_of(e.parent_id, ended.never_ran) end
  from jsonb_to_recordset(edges) as e (job_id text, parent_id text, ref text, position integer, on_failure text)
  left join lateral (
    select p.status, p.last_execution is null as never_ran from public.cloud_jobs p
    where p.job_id = e.parent_id and p.status in ('success', 'failed') and p.finished_at is not null
      and (p.status = 'success' or e.on_failure <> 'wait')
  ) ended on true
  on conflict do nothing;
  update public.cloud_jobs c set has_parents = true, blocked = null
  from (select distinct e.job_id from jsonb_to_recordset(edges) as e (job_id text)) e
  where c.job_id = e.job_id;
  perform public.cloud_jobs_pass_on();
end
$$;
