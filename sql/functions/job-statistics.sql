-- The number of jobs in each status. A view of the first schema.
create or replace view public.job_statistics
with (security_invoker = on)
as
select
  count(*) as total_jobs,
  sum(case when status = 'waiting' then 1 else 0 end) as waiting_jobs,
  sum(case when status = 'locked' then 1 else 0 end) as locked_jobs,
  sum(case when status = 'success' then 1 else 0 end) as success_jobs,
  sum(case when status = 'failed' then 1 else 0 end) as failed_jobs,
  sum(case when status = 'disabled' then 1 else 0 end) as disabled_jobs,
  now() as calculated_at
from public.cloud_jobs;
