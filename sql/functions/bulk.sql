-- Does one thing to all jobs that match a filter (cloud_jobs_condition), in batches: call it with the "next" of the reply
-- as before_param while "next" is not null. Each job is done at most once, newest first.
--
-- action: retry | cancel | disable | enable | delete. Only jobs that it makes sense for are taken: retry takes finished jobs
-- and makes waiting ones due, cancel takes waiting one-off and running jobs, disable takes waiting and running recurring
-- ones, enable takes disabled ones, and delete takes all that do not run.
--
-- options, for retry: {"per_minute": n} spreads the jobs, n a minute from "after" jobs on (the sum of "changed" so far);
-- {"config": {...}} is merged into the config of each.
--
-- With dry_run (the default) nothing is changed. Reply: {"v", "now", "matched", "changed", "refused": [{"job_id", "reason"}],
-- "next"}; matched counts the jobs of this batch, and refused lists the first 20 that could not be done, such as a job whose
-- unique key is taken. Locks the job rows in the order of job_id, and leaves alone those that no longer match once it has
-- their locks. A repeat of a batch finds its jobs done already.
create or replace function public.cloud_jobs_bulk(
  action_param text, filter_param jsonb, dry_run_param boolean default true, limit_param integer default 500,
  before_param text default null, options_param jsonb default '{}')
returns jsonb
language plpgsql
set search_path = ''
set jit = off
as $$
declare
  eligible constant text := case action_param
    when 'retry' then $c$(j.status in ('success', 'failed') or j.status = 'waiting' and j.run_at > now())$c$
    when 'cancel' then $c$(j.status = 'locked' and j.cancel_requested_at is null or j.status = 'waiting' and j.schedule is null)$c$
    when 'disable' then $c$(j.status = 'waiting' or j.status = 'locked' and j.schedule is not null and j.disable_requested_at is null)$c$
    when 'enable' then $c$(j.status = 'disabled' or j.disable_requested_at is not null)$c$
    when 'delete' then $c$j.status <> 'locked'$c$
  end;
  per_minute double precision;
  merged constant jsonb := nullif(options_param->'config', 'null');
  fault text;
  position integer;
  condition record;
  found record;
  id text;
  answer jsonb;
  changed integer := 0;
  refused jsonb := '[]';
begin
  if eligible is null then
    perform public.cloud_jobs_refuse(400, format('action_param is %s.', coalesce(to_json(left(action_param, 80))::text, 'null')), 'Use retry, cancel, disable, enable or delete.');
  end if;
  if options_param - array['per_minute', 'config', 'after'] <> '{}' or (options_param <> '{}' and action_param <> 'retry') then
    perform public.cloud_jobs_refuse(400, format('options_param is %s.', left(options_param::text, 200)), 'Only retry takes options: per_minute, config and after.');
  end if;
  if coalesce(jsonb_typeof(options_param->'per_minute'), 'null') not in ('number', 'null')
    or coalesce(jsonb_typeof(options_param->'after'), 'null') not in ('number', 'null')
    or coalesce(jsonb_typeof(merged), 'null') not in ('object', 'null')
    or (options_param->>'per_minute')::numeric not between 0.01 and 1000000
    or (options_param->>'after')::numeric not between 0 and 10000000
  then
    perform public.cloud_jobs_refuse(400, format('options_param is %s.', left(options_param::text, 200)),
      'per_minute is a number from 0.01 to 1000000, after one from 0 to 10000000, and config an object.');
  end if;
  per_minute := options_param->>'per_minute';
  position := coalesce((options_param->>'after')::numeric, 0);
  found := public.cloud_jobs_find(filter_param, limit_param, before_param, eligible);
  if not dry_run_param then
    -- In the order in which finish and renew lock them.
    perform from (
      select from public.cloud_jobs j where j.job_id = any (found.job_ids) order by j.job_id for update
    ) locked;
    -- A worker may have claimed or ended some of them while this waited for their locks.
    condition := public.cloud_jobs_condition(filter_param);
    execute format('select coalesce(array_agg(j.job_id order by p.position), ''{}'') from unnest($1) with ordinality as p (job_id, position)
      join public.cloud_jobs j on j.job_id = p.job_id where %s and %s and %s',
      coalesce(nullif(condition.kind, ''), 'true'), coalesce(nullif(condition.search, ''), 'true'), eligible)
    into found.job_ids using found.job_ids;
    foreach id in array found.job_ids loop
      fault := null;
      if merged is not null then
        select public.cloud_jobs_config_fault(j.config || merged) into fault from public.cloud_jobs j where j.job_id = id;
      end if;
      answer := case
        when fault is not null then public.cloud_jobs_answer(id, null, false, false, format('It would have a config %s.', fault))
        when action_param = 'retry' then public.cloud_jobs_retry(id)
        when action_param = 'cancel' then public.cloud_jobs_cancel(id)
        when action_param = 'disable' then public.cloud_jobs_disable(id)
        when action_param = 'enable' then public.cloud_jobs_enable(id)
        when action_param = 'delete' then public.cloud_jobs_delete(id)
      end;
      if (answer->>'changed')::boolean and (merged is not null or per_minute is not null) then
        update public.cloud_jobs j set config = j.config || coalesce(merged, '{}'),
          run_at = case when per_minute is null then j.run_at else j.run_at + make_interval(secs => position * 60 / per_minute) end
        where j.job_id = id and j.status = 'waiting';
      end if;
      if (answer->>'changed')::boolean then
        changed := changed + 1;
        position := position + 1;
      elsif not (answer->>'applied')::boolean and jsonb_array_length(refused) < 20 then
        refused := refused || jsonb_build_object('job_id', id, 'reason', answer->>'reason');
      end if;
    end loop;
  end if;
  return jsonb_build_object('v', 1, 'now', now(), 'matched', cardinality(found.job_ids), 'changed', changed,
    'refused', refused, 'next', found.next);
end
$$;
