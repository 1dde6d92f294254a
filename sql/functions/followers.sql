-- Adds the jobs that come after an occurrence of a recurring job: `after` in a jobs file.
--
-- followers: a list as cloud_jobs_enqueue takes it, in which depends_on names only others of the list, and after_root is true for
-- those that come after the recurring job itself. ended: success or failed. If the occurrence failed, those that come after it
-- are left out unless their on_parent_failure is run, and so are those that come after what is left out.
--
-- A job that comes after the recurring one has it as a parent, by its unique key, with the result of this execution.
create or replace function public.cloud_jobs_add_followers(
  job_id_param text, ref_param text, followers_param jsonb, execution_id_param text, ended_param text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  item jsonb;
  batch jsonb := '[]';
  firsts boolean[] := '{}';
  left_out text[] := '{}';
  added jsonb;
begin
  for item in select f.item from jsonb_array_elements(followers_param) with ordinality as f (item, ordinal) order by f.ordinal loop
    if coalesce(item->>'on_parent_failure', 'cancel') <> 'run'
      and (((item->>'after_root')::boolean and ended_param <> 'success')
        or exists (select from jsonb_array_elements_text(item->'depends_on') as d (ref) where d.ref = any (left_out)))
    then
      left_out := left_out || (item->>'ref');
    else
      firsts := firsts || coalesce((item->>'after_root')::boolean, false);
      batch := batch || jsonb_build_array(item - 'after_root' || jsonb_build_object('depends_on', (
        select coalesce(jsonb_agg(d.ref), '[]') from jsonb_array_elements_text(item->'depends_on') as d (ref)
        where d.ref <> all (left_out))));
    end if;
  end loop;
  if batch = '[]' then
    return;
  end if;
  added := public.cloud_jobs_enqueue(batch)->'jobs';
  insert into public.cloud_job_dependencies (job_id, parent_id, ref, position, on_failure, outcome, passed_on, execution_id)
  select a.job->>'job_id', job_id_param, ref_param, 0, coalesce(batch->(a.ordinal - 1)::integer->>'on_parent_failure', 'cancel'),
    ended_param, true, execution_id_param
  from jsonb_array_elements(added) with ordinality as a (job, ordinal)
  where firsts[a.ordinal];
  update public.cloud_jobs j set has_parents = true
  where j.job_id in (select a.job->>'job_id' from jsonb_array_elements(added) with ordinality as a (job, ordinal) where firsts[a.ordinal]);
  update public.cloud_jobs j set has_children = true where j.job_id = job_id_param and j.has_children is not true;
end
$$;

-- Refuses followers that could not be added, by adding them and taking that back.
create or replace function public.cloud_jobs_check_followers(key_param text, followers_param jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  why text;
begin
  if jsonb_typeof(followers_param) <> 'array' or jsonb_path_exists(followers_param, '$[*].schedule ? (@ != null)') then
    perform public.cloud_jobs_refuse(400, format('The followers of the job %s are no list of jobs without a schedule.', to_json(left(key_param, 80))),
      'Pass what cloud_jobs_enqueue takes.');
  end if;
  begin
    perform public.cloud_jobs_enqueue((
      select coalesce(jsonb_agg(f.item - 'after_root' order by f.ordinal), '[]')
      from jsonb_array_elements(followers_param) with ordinality as f (item, ordinal)));
    raise exception using errcode = 'PT297', message = 'Everything is taken back.';
  exception
    when sqlstate 'PT297' then
      return;
    when sqlstate 'PT400' then
      get stacked diagnostics why = message_text;
  end;
  perform public.cloud_jobs_refuse(400, format('A job after %s cannot be used: %s', to_json(left(key_param, 80)), why),
    'Nothing was changed. Correct the job and apply again.');
end
$$;
