-- What a run leaves for people: which jobs start because others have ended, and which wait for a decision.
--
-- job_ids: the jobs that the run ended or paused, up to 1,000. Reply: {"v", "released": [{"job_id", "name", "status", "parent_id",
-- "spawned"}], "released_count", "approvals": [{"job_id", "name", "step", "title", "details", "until"}]}. A job that was cancelled because another
-- failed is among the released, with its status. Up to 50 of each; a key sees only its own queues. Changes nothing.
create or replace function public.cloud_jobs_aftermath(job_ids_param text[])
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  allowed constant text[] := public.cloud_jobs_allowed_queues();
begin
  if cardinality(job_ids_param) > 1000 then
    perform public.cloud_jobs_refuse(400, 'job_ids_param names more than 1000 jobs.', 'Ask about fewer.');
  end if;
  return (
    with released as materialized (
      select distinct on (c.job_id) c.job_id, c.name, c.status, d.parent_id, d.spawned
      from public.cloud_job_dependencies d
      join public.cloud_jobs c on c.job_id = d.job_id
      where d.parent_id = any (job_ids_param) and d.passed_on and c.blocked is not null
        and (allowed is null or c.queue = any (allowed))
      order by c.job_id)
    select jsonb_build_object('v', 1,
      'released', (
        select coalesce(jsonb_agg(to_jsonb(r) order by r.job_id), '[]') from (select * from released order by job_id limit 50) r),
      'released_count', (select count(*) from released),
      'approvals', (
        select coalesce(jsonb_agg(to_jsonb(a)), '[]')
        from (
          select j.job_id, j.name, s.name as step, s.details->>'title' as title, s.details->'details' as details, s.until
          from public.cloud_jobs j
          join public.cloud_job_steps s on s.job_id = j.job_id and s.occurrence = j.occurrence
          where j.job_id = any (job_ids_param) and j.has_steps and j.status = 'waiting' and s.kind = 'event' and s.finished_at is null
            and s.details->>'title' is not null and (allowed is null or j.queue = any (allowed))
          order by s.started_at limit 50) a)));
end
$$;
