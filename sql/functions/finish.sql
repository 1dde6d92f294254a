-- Ends attempts and, in the same call, claims the next jobs.
--
-- items: [{"execution_id", "outcome": "success" | "failure" | "discard" | "snooze" | "release", "result", "error",
-- "error_details", "failure_kind": "error" | "timeout" | "crashed", "delay_seconds", "duration_seconds", "progress",
-- "output", "pause_queue": {"seconds", "reason"}, "spawn": [...]}]. pause_queue lets the queue of the job cool down. spawn
-- adds jobs together with the success: see cloud_jobs_spawn.
--
-- claim: {"limit", "queues", "job_types", "lock_seconds", "request_id", "run_url"}, or null to claim nothing.
--
-- Reply: {"v", "finished": [{"execution_id", "applied", "status", "failure_kind", "run_at"}], "claim": {...} or null}.
--
-- Locks the job rows in the order of job_id, then those that cloud_jobs_claim locks. A repeat ends nothing twice and gets
-- the same answer; so does its claim if it has the same request_id.
create or replace function public.cloud_jobs_finish(
  instance_id_param text, items_param jsonb, claim_param jsonb default null)
returns json
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  wrong jsonb;
  is_unusable boolean;
  finished json;
begin
  if jsonb_typeof(items_param) is distinct from 'array' then
    perform public.cloud_jobs_refuse(400, 'items_param is not an array.', 'Pass a JSON array of objects.');
  end if;
  select item, unusable into wrong, is_unusable
  from jsonb_array_elements(items_param) as item
  cross join lateral (
    select item->>'execution_id' is null
      or coalesce(item->>'outcome', '') not in ('success', 'failure', 'discard', 'snooze', 'release')
      or coalesce(item->>'failure_kind', 'error') not in ('error', 'timeout', 'crashed')
      or case jsonb_typeof(item->'duration_seconds')
        when 'number' then (item->>'duration_seconds')::numeric not between 1e-30 and 1e9 and item->'duration_seconds' <> '0' else item->>'duration_seconds' is not null end
      or case jsonb_typeof(item->'delay_seconds')
        when 'number' then (item->>'delay_seconds')::numeric not between 1e-300 and 31536000 and item->'delay_seconds' <> '0' else item->>'delay_seconds' is not null end
      as unusable
  ) looked
  where unusable
    -- As text an item has up to six times the bytes that it has here (\u0001 is one byte here), so most items need not be
    -- written out.
    or pg_column_size(item) > 2048 and (
      octet_length((item->'result')::text) > 262144
      or octet_length((item->'error_details')::text) > 65536
      or octet_length(item->>'error') > 65536
      or octet_length(item->>'output') > 65536
      or octet_length((item->'progress')::text) > 16384)
  order by unusable desc limit 1;
  if is_unusable then
    perform public.cloud_jobs_refuse(400, format('An item of items_param cannot be used: %s', left(wrong::text, 200)),
      'Each needs execution_id, an outcome (success, failure, discard, snooze or release), and numbers for seconds.');
  elsif found then
    perform public.cloud_jobs_refuse(413, format('What execution %s returned is too large.', wrong->>'execution_id'),
      'At most 256 KiB of result, 64 KiB each of error, error_details and output, 16 KiB of progress.');
  end if;

  if items_param @? '$[*].pause_queue' then
    perform public.cloud_jobs_cool_down(instance_id_param, items_param);
  end if;
  if not exists (select from jsonb_array_elements(items_param) as item where item->>'outcome' <> 'success') then
    begin
      if public.cloud_jobs_end_successes(instance_id_param, items_param) < jsonb_array_length(items_param) then
        raise exception using errcode = 'PT298', message = 'Some of the jobs recur, were snoozed, run for long, or are not held.';
      end if;
      select json_agg(answer) into finished
      from (
        select item->>'execution_id' as execution_id, true as applied, 'success' as status, null as failure_kind,
          null as run_at, null as retries_left_out
        from jsonb_array_elements(items_param) as item) answer;
    -- Undoes the row locks as well: a second statement that holds them could deadlock with a renewal.
    exception when sqlstate 'PT298' or unique_violation then
      null;
    end;
  end if;
  if finished is null then
    finished := public.cloud_jobs_end_attempts(instance_id_param, items_param);
  end if;
  if items_param @? '$[*].spawn' then
    perform public.cloud_jobs_spawn(instance_id_param, items_param);
  end if;

  return json_build_object('v', 1, 'finished', coalesce(finished, '[]'), 'claim',
    case when jsonb_typeof(claim_param) = 'object' then
      public.cloud_jobs_claim(
        instance_id_param,
        (claim_param->>'limit')::integer,
        case when jsonb_typeof(claim_param->'queues') = 'array'
          then array(select jsonb_array_elements_text(claim_param->'queues')) else '{default}' end,
        case when jsonb_typeof(claim_param->'job_types') = 'array'
          then array(select jsonb_array_elements_text(claim_param->'job_types')) else '{paper_fetch,maintenance,custom}' end,
        coalesce((claim_param->>'lock_seconds')::double precision, 300),
        (claim_param->>'request_id')::uuid,
        claim_param->>'run_url')
    end);
end
$$;
