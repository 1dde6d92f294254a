-- Refuses a call about a step whose name or result cannot be stored.
create or replace function public.cloud_jobs_check_step(name_param text, result_param jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if coalesce(btrim(name_param), '') = '' or length(name_param) > 200 then
    perform public.cloud_jobs_refuse(400, 'The name of a step is empty or longer than 200 characters.', 'Give each step a short name.');
  elsif octet_length(result_param::text) > 262144 then
    perform public.cloud_jobs_refuse(413, format('The result of the step %s is too large.', to_json(left(name_param, 80))),
      'At most 256 KiB. Store it elsewhere, and return where.');
  end if;
end
$$;

-- Locks the job of a running attempt and returns it; no row if the execution no longer holds the lock.
create or replace function public.cloud_jobs_hold(instance_id_param text, job_id_param text, execution_id_param text)
returns setof public.cloud_jobs
language sql
set search_path = ''
as $$
  select j.* from public.cloud_jobs j
  where j.job_id = job_id_param and j.status = 'locked' and j.locked_execution_id = execution_id_param
    and j.locked_by = instance_id_param
  for update
$$;

-- Stores the result of a step of a running attempt.
--
-- Reply: {"v", "held", "result"}. held is false if the execution no longer holds the lock: nothing is stored, and the handler must
-- stop. result is what is stored now; a step that is stored already keeps its result, so a repeat changes nothing. At most
-- 1,000 steps in an occurrence. Locks the job row.
create or replace function public.cloud_jobs_step(
  instance_id_param text, job_id_param text, execution_id_param text, name_param text, result_param jsonb default null,
  duration_seconds_param double precision default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  stored jsonb;
begin
  perform public.cloud_jobs_check_step(name_param, result_param);
  select * into job from public.cloud_jobs_hold(instance_id_param, job_id_param, execution_id_param);
  if not found then
    return '{"v": 1, "held": false, "result": null}';
  end if;
  insert into public.cloud_job_steps (job_id, occurrence, name, position, execution_id, result, started_at, finished_at, duration_seconds)
  values (job.job_id, job.occurrence, name_param, public.cloud_jobs_next_step(job.job_id, job.occurrence), execution_id_param, result_param,
    clock_timestamp() - make_interval(secs => greatest(coalesce(duration_seconds_param, 0), 0)), clock_timestamp(), duration_seconds_param)
  on conflict (job_id, occurrence, name) do nothing;
  update public.cloud_jobs set has_steps = true where job_id = job.job_id and has_steps is not true;
  select s.result into stored from public.cloud_job_steps s
  where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param;
  return jsonb_build_object('v', 1, 'held', true, 'result', stored);
end
$$;

-- The position of a new step.
create or replace function public.cloud_jobs_next_step(job_id_param text, occurrence_param integer)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
  place constant integer := (
    select coalesce(max(s.position), 0) + 1 from public.cloud_job_steps s
    where s.job_id = job_id_param and s.occurrence = occurrence_param);
begin
  if place > 1000 then
    perform public.cloud_jobs_refuse(413, 'The job has 1000 steps already.', 'Let one step do more, or split the job.');
  end if;
  return place;
end
$$;

-- Begins or continues a sleep, or the wait for an event, of a running attempt.
--
-- kind: sleep or event. seconds: how long to sleep, or to wait at most; it counts from the first call. details: for people.
--
-- Reply: {"v", "held", "done", "result", "wait_seconds"}. If done, result is the event, or null if none came in time; a sleep has the
-- result null. Otherwise the attempt has to end by a release with this delay: the job is due when the sleep is over, and when
-- the event comes. Events count once each, in the order in which they came. Locks the job row; a repeat changes nothing.
create or replace function public.cloud_jobs_wait(
  instance_id_param text, job_id_param text, execution_id_param text, name_param text, kind_param text,
  seconds_param double precision, details_param jsonb default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  step public.cloud_job_steps;
  event public.cloud_job_signals;
begin
  perform public.cloud_jobs_check_step(name_param, details_param);
  if coalesce(kind_param, '') not in ('sleep', 'event') or seconds_param is null or seconds_param not between 0 and 31536000 then
    perform public.cloud_jobs_refuse(400, format('The wait %s cannot be used.', to_json(left(name_param, 80))),
      'kind_param is sleep or event, and seconds_param a number from 0 to 31536000 (a year).');
  end if;
  select * into job from public.cloud_jobs_hold(instance_id_param, job_id_param, execution_id_param);
  if not found then
    return '{"v": 1, "held": false, "done": false, "result": null, "wait_seconds": 0}';
  end if;
  insert into public.cloud_job_steps (job_id, occurrence, name, kind, position, execution_id, until, details)
  values (job.job_id, job.occurrence, name_param, kind_param, public.cloud_jobs_next_step(job.job_id, job.occurrence), execution_id_param,
    now() + make_interval(secs => seconds_param), details_param)
  on conflict (job_id, occurrence, name) do nothing;
  if found and kind_param = 'event' and details_param->>'title' is not null then
    perform public.cloud_jobs_alert_approval(job.job_id, name_param);
  end if;
  update public.cloud_jobs set has_steps = true where job_id = job.job_id and has_steps is not true;
  select * into step from public.cloud_job_steps s
  where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param;
  if step.kind <> kind_param then
    perform public.cloud_jobs_refuse(409, format('The name %s is that of another step of this job, of kind %s.', to_json(left(name_param, 80)), step.kind),
      'Give each step a name of its own.');
  end if;
  if step.finished_at is null and kind_param = 'event' then
    select * into event from public.cloud_job_signals e
    where e.job_id = job.job_id and e.name = name_param and e.taken_by is null
    order by e.sent_at, e.signal_id limit 1;
    if found then
      update public.cloud_job_signals e set taken_by = job.occurrence
      where e.job_id = event.job_id and e.name = event.name and e.signal_id = event.signal_id;
      step.result := event.payload;
      step.finished_at := now();
    end if;
  end if;
  if step.finished_at is null and step.until <= now() then
    step.finished_at := now();
  end if;
  if step.finished_at is not null then
    update public.cloud_job_steps s set result = step.result, finished_at = step.finished_at,
      duration_seconds = extract(epoch from step.finished_at - step.started_at)
    where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param and s.finished_at is null;
  end if;
  return jsonb_build_object('v', 1, 'held', true, 'done', step.finished_at is not null, 'result', step.result,
    'wait_seconds', greatest(extract(epoch from step.until - now()), 0));
end
$$;

-- What a handler may need of the past when an attempt starts: its finished steps, and the results of the jobs that it depends on.
--
-- Reply: {"v", "held", "steps": [{"name", "kind", "result"}], "parents": [...]}; parents: see
-- cloud_jobs_parent_results. Fenced like every call of a worker. Changes nothing.
create or replace function public.cloud_jobs_recall(instance_id_param text, job_id_param text, execution_id_param text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce((
    select jsonb_build_object('v', 1, 'held', true,
      'steps', (
        select coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'kind', s.kind, 'result', s.result) order by s.position), '[]')
        from public.cloud_job_steps s
        where s.job_id = j.job_id and s.occurrence = j.occurrence and s.finished_at is not null),
      'parents', case when j.has_parents then public.cloud_jobs_parent_results(j.job_id) else '[]' end)
    from public.cloud_jobs j
    where j.job_id = job_id_param and j.status = 'locked' and j.locked_execution_id = execution_id_param
      and j.locked_by = instance_id_param),
    '{"v": 1, "held": false, "steps": [], "parents": []}')
$$;

-- Keeps the steps of an occurrence for the next one: all, or those before the step named. Finished ones only.
create or replace function public.cloud_jobs_keep_steps(
  job_id_param text, occurrence_param integer, before_param text default null)
returns void
language sql
set search_path = ''
as $$
  insert into public.cloud_job_steps (job_id, occurrence, name, kind, position, execution_id, result, started_at, finished_at,
    duration_seconds, until, details)
  select s.job_id, j.occurrence, s.name, s.kind, s.position, s.execution_id, s.result, s.started_at, s.finished_at,
    s.duration_seconds, s.until, s.details
  from public.cloud_job_steps s
  join public.cloud_jobs j on j.job_id = s.job_id
  where s.job_id = job_id_param and s.occurrence = occurrence_param and s.finished_at is not null
    and (before_param is null or s.position < (
      select b.position from public.cloud_job_steps b
      where b.job_id = job_id_param and b.occurrence = occurrence_param and b.name = before_param))
  on conflict do nothing
$$;

-- Runs a job again from one of its steps: that step and those after it are forgotten, the results of those before it are kept.
--
-- For a job that has finished, or that waits for a retry. The answer is that of cloud_jobs_retry. Locks the job row.
create or replace function public.cloud_jobs_retry_from_step(job_id_param text, step_param text)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  place integer;
  answer jsonb;
begin
  select * into job from public.cloud_jobs j where j.job_id = job_id_param for update;
  select s.position into place from public.cloud_job_steps s
  where s.job_id = job_id_param and s.occurrence = job.occurrence and s.name = step_param;
  if place is null then
    return public.cloud_jobs_answer(job_id_param, job.status, false, false, case
      when job.job_id is null then 'There is no job with this id.'
      else format('Its last run has no step %s.', to_json(left(step_param, 80))) end);
  end if;
  answer := public.cloud_jobs_retry(job_id_param);
  if (answer->>'applied')::boolean then
    -- A waiting job goes on with the same occurrence, a finished one begins the next, for which the retry may have kept steps.
    perform public.cloud_jobs_keep_steps(job_id_param, job.occurrence, step_param);
    delete from public.cloud_job_steps s
    using public.cloud_jobs j
    where j.job_id = job_id_param and s.job_id = j.job_id and s.occurrence = j.occurrence and s.position >= place;
  end if;
  return answer;
end
$$;

-- The steps of the current occurrence of a job, for cloud_jobs_show.
create or replace function public.cloud_jobs_steps(job_id_param text, occurrence_param integer)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'kind', s.kind, 'started_at', s.started_at,
    'finished_at', s.finished_at, 'duration_seconds', s.duration_seconds, 'until', s.until, 'details', s.details,
    'result', case when octet_length(s.result::text) <= 2000 then s.result end) order by s.position), '[]')
  from public.cloud_job_steps s
  where s.job_id = job_id_param and s.occurrence = occurrence_param
$$;
