-- Sets finished_at when a row that is written directly, as clients of the first schema do, ends a job.
--
-- A job that ends for good gets finished_at, which pruning goes by. A failed job with retries left does not: it can still
-- be claimed, and the index cloud_jobs_claim_failed holds only such rows. If that job has a unique or concurrency key, it
-- becomes waiting instead: a failed row does not hold its unique key and could meet a newer job with the same key.
create or replace function public.cloud_jobs_stamp_finished()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  keyed constant boolean := new.unique_key is not null or new.concurrency_key is not null;
begin
  if new.status = 'failed' and new.current_retries < new.max_retries and not keyed then
    new.finished_at := null;
  elsif new.status = 'failed' and new.current_retries < new.max_retries and tg_op = 'UPDATE' and old.status in ('waiting', 'locked') then
    new.status := 'waiting';
  else
    new.finished_at := coalesce(new.finished_at, now());
  end if;
  return new;
end
$$;

create or replace trigger cloud_jobs_stamp_finished
  before update of status, current_retries, max_retries on public.cloud_jobs
  for each row
  when (new.status in ('success', 'failed') and (new.finished_at is null
    or (old.status = 'failed' and new.status = 'failed'
      and (old.current_retries < old.max_retries) is not true and new.current_retries < new.max_retries)))
  execute function public.cloud_jobs_stamp_finished();

create or replace trigger cloud_jobs_stamp_inserted
  before insert on public.cloud_jobs
  for each row
  when (new.status in ('success', 'failed') and new.finished_at is null)
  execute function public.cloud_jobs_stamp_finished();
