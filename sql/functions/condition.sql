-- Turns a filter of jobs into SQL conditions on public.cloud_jobs j, for cloud_jobs_find and cloud_jobs_count.
--
-- filter: {"status", "state": "due" | "scheduled" | "blocked" | "running", "recurring": true, "job_ids": [...], "queue",
-- "job_type", "name", "name_contains", "handler", "error", "failure_kind", "config_contains": {...}, "created_after",
-- "created_before", "finished_after", "finished_before"}. Every field is optional, and all that are given must match.
--
-- kind: conditions that an index answers. search: the others, which look at each row. Values are quoted as literals, so the
-- planner sees them and nothing in them becomes SQL.
create or replace function public.cloud_jobs_condition(filter_param jsonb, out kind text, out search text)
language plpgsql
stable
set search_path = ''
as $$
declare
  filter constant jsonb := jsonb_strip_nulls(coalesce(filter_param, '{}'));
  kinds text[] := '{}';
  searches text[] := '{}';
  field record;
begin
  if jsonb_typeof(filter) <> 'object' then
    perform public.cloud_jobs_refuse(400, 'The filter is not an object.', 'Pass a JSON object, such as {"status": "failed"}.');
  end if;
  for field in select key as name, value, value #>> '{}' as text, jsonb_typeof(value) as type from jsonb_each(filter) loop
    if field.type <> (case field.name when 'recurring' then 'boolean' when 'job_ids' then 'array'
      when 'config_contains' then 'object' else 'string' end)
    then
      perform public.cloud_jobs_refuse(400, format('The field %s of the filter has the type %s.', field.name, field.type),
        'See the SQL reference for what each field takes.');
    end if;
    case field.name
      when 'status' then
        if field.text not in ('waiting', 'locked', 'success', 'failed', 'disabled') then
          perform public.cloud_jobs_refuse(400, format('There is no status %s.', to_json(left(field.text, 80))), 'Use waiting, locked, success, failed or disabled.');
        end if;
        kinds := kinds || format('j.status = %L', field.text);
      when 'state' then
        kinds := kinds || case field.text
          when 'due' then $c$j.status = 'waiting' and not j.blocked and j.run_at <= now()$c$
          when 'scheduled' then $c$j.status = 'waiting' and j.run_at > now()$c$
          when 'blocked' then $c$j.status = 'waiting' and j.blocked$c$
          when 'running' then $c$j.status = 'locked'$c$
        end;
        if kinds[cardinality(kinds)] is null then
          perform public.cloud_jobs_refuse(400, format('There is no state %s.', to_json(left(field.text, 80))), 'Use due, scheduled, blocked or running.');
        end if;
      when 'recurring' then
        kinds := kinds || format('j.schedule is %s null', case when field.value::boolean then 'not' else '' end);
      when 'job_ids' then
        kinds := kinds || format('j.job_id = any (%L::text[])', array(select jsonb_array_elements_text(field.value)));
      when 'queue' then searches := searches || format('j.queue = %L', field.text);
      when 'job_type' then searches := searches || format('j.job_type = %L', field.text);
      when 'name' then searches := searches || format('j.name = %L', field.text);
      when 'name_contains' then searches := searches || format('strpos(lower(j.name), lower(%L)) > 0', field.text);
      when 'handler' then searches := searches || format($c$j.config->>'handler' = %L$c$, field.text);
      when 'error' then searches := searches || format('strpos(lower(j.error_message), lower(%L)) > 0', field.text);
      when 'failure_kind' then
        searches := searches || format('exists (select from public.cloud_job_executions e where e.job_id = j.job_id
          and e.occurrence = j.occurrence and e.failure_kind = %L)', field.text);
      when 'config_contains' then searches := searches || format('j.config @> %L', field.value);
      when 'created_after', 'created_before', 'finished_after', 'finished_before' then
        begin
          perform field.text::timestamptz;
        exception when others then
          perform public.cloud_jobs_refuse(400, format('The field %s of the filter is %s, which is not a time.', field.name, to_json(left(field.text, 80))),
            'Write a time with its zone, such as 2030-01-31T09:30:00Z.');
        end;
        searches := searches || format('j.%I %s %L::timestamptz', split_part(field.name, '_', 1) || '_at',
          case when field.name like '%after' then '>=' else '<' end, field.text);
      else
        perform public.cloud_jobs_refuse(400, format('The filter has the unknown field %s.', to_json(left(field.name, 80))), 'See the SQL reference for its fields.');
    end case;
  end loop;
  kind := coalesce(array_to_string(kinds, ' and '), '');
  search := coalesce(array_to_string(searches, ' and '), '');
end
$$;
