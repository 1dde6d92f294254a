-- Ends the attempts of dead workers in all queues and returns how many. A function of the first schema.
--
-- Each spends a retry, so a job that kills its workers stops after max_retries. Bounded to 8 batches of 500, to stay far
-- below the statement timeout; the next call takes the rest.
create or replace function public.release_expired_locks()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  released integer := 0;
  batch integer;
begin
  for round in 1..8 loop
    batch := public.cloud_jobs_expire(null, null, 500);
    released := released + batch;
    exit when batch < 500;
  end loop;
  return released;
end
$$;
