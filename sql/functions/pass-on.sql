-- Tells children how their parents ended: releases those that wait for no other parent, and cancels those whose policy says so.
--
-- Called by a trigger at the end of each statement that ends parents, and by every claim for what was left: children that another
-- transaction has locked, and whatever is beyond 20,000 pairs or 1,000 generations of one call. Returns how many pairs it
-- handled. A repeat handles nothing twice.
--
-- A released child is due now unless its own time is later. Children are locked in the order of job_id.
--
-- Planner settings: see sql/README.md.
create or replace function public.cloud_jobs_pass_on()
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  most constant integer := 20000;
  handled integer := 0;
  passed integer;
  children text[];
  failed jsonb;
begin
  if not exists (select from public.cloud_job_dependencies d where d.outcome is not null and not d.passed_on) then
    return 0;
  end if;
  perform set_config('cloud_jobs.parents', 'pass on', true);
  -- Children that are cancelled here are the parents of the next generation.
  for generation in 1..1000 loop
    with held as materialized (
      select e.pair
      from (
        select d.ctid as pair, d.job_id from public.cloud_job_dependencies d
        where d.outcome is not null and not d.passed_on
        -- Not the order of the primary key, whose index holds every pair there is.
        order by d.job_id || '', d.parent_id limit most - handled) e
      cross join lateral (
        select from public.cloud_jobs c where c.job_id = e.job_id for update of c skip locked
      ) child
    ),
    passed as (
      -- By the place of the rows: the planner cannot choose another way, whatever the statistics say.
      update public.cloud_job_dependencies d set passed_on = true
      where d.ctid = any (array(select held.pair from held)) and not coalesce(d.passed_on, false)
      returning d.job_id, d.outcome, d.on_failure, d.root_id
    )
    select count(*), array_agg(distinct p.job_id),
      jsonb_object_agg(p.job_id, p.root_id) filter (where p.outcome <> 'success' and p.on_failure <> 'run')
    into passed, children, failed
    from passed p;
    exit when passed = 0;
    handled := handled + passed;

    if failed is not null then
      update public.cloud_jobs c set status = 'failed', finished_at = now(),
        error_message = public.cloud_jobs_not_run_words(f.root_id)
      from jsonb_each_text(failed) as f (job_id, root_id)
      where c.job_id = f.job_id and c.blocked is null and c.status in ('waiting', 'disabled');
    end if;
    -- A statement of its own: it sees what another transaction passed on before it let go of the child.
    update public.cloud_jobs c set blocked = false, run_at = greatest(c.run_at, now())
    from unnest(children) as held (job_id)
    where c.job_id = held.job_id and c.blocked is null
      -- From the end of the index: its beginning holds the dead entries of parents that have ended.
      and (select d.job_id from public.cloud_job_dependencies d
        where d.job_id = c.job_id and not d.passed_on order by d.job_id desc, d.parent_id desc limit 1) is null;
    exit when handled >= most;
  end loop;
  perform set_config('cloud_jobs.parents', '', true);
  return handled;
end
$$;

-- Why a job was cancelled that depends on another: names the job at the root, and its error.
create or replace function public.cloud_jobs_not_run_words(root_id_param text)
returns text
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select format('Not run: it depends on the job %s (%s), which failed%s', to_json(left(j.name, 80)), j.job_id,
        coalesce(': ' || left(j.error_message, 500), '.'))
      from public.cloud_jobs j where j.job_id = root_id_param),
    format('Not run: it depends on the job %s, which was deleted.', root_id_param))
$$;

-- The root cause of the failure of a job: the job itself, or if it was cancelled because of a parent, the root cause there.
create or replace function public.cloud_jobs_root_of(job_id_param text, never_ran_param boolean)
returns text
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select d.root_id from public.cloud_job_dependencies d
      where never_ran_param and d.job_id = job_id_param and d.root_id is not null and d.on_failure <> 'run' and d.passed_on
      order by d.position limit 1),
    job_id_param)
$$;
