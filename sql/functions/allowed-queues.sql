-- The queues that the caller may use; null for all of them.
--
-- Here it is null: every role that may call the functions may use every queue. sql/optional/worker-role.sql and enqueue-role.sql
-- replace this function for keys that name their queues.
create or replace function public.cloud_jobs_allowed_queues()
returns text[]
language sql
stable
set search_path = ''
as $$
  select null::text[]
$$;

-- Refuses a call that names a queue which the caller may not use.
create or replace function public.cloud_jobs_check_queues(queues_param text[])
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  allowed constant text[] := public.cloud_jobs_allowed_queues();
begin
  if allowed is not null and (queues_param <@ allowed) is not true then
    perform public.cloud_jobs_refuse(403, format('The key may not use all of these queues: %s.',
        left(array_to_string(queues_param, ', ', 'null'), 200)),
      format('It is for %s.', coalesce(nullif(left(array_to_string(allowed, ', '), 200), ''), 'no queue')));
  end if;
end
$$;
