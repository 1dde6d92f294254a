-- What is known of workers and of the runs that schedules started, for doctor and stats. Changes nothing.
create or replace function public.cloud_jobs_workers_state()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'last_seen_at', (select max(w.seen_at) from public.cloud_job_workers w),
    'schedules', (
      select coalesce(jsonb_agg(jsonb_build_object('repository', s.repository, 'schedule', s.schedule, 'ticks', s.ticks)
        order by s.repository, s.schedule), '[]'::jsonb)
      from (
        select tick.repository, tick.schedule, jsonb_agg(tick.began order by tick.began desc) as ticks
        from (
          select run.repository, run.schedule, run.began,
            row_number() over (partition by run.repository, run.schedule order by run.began desc) as position
          from (
            select public.cloud_jobs_repository_of(w.run_url) as repository, substr(w.trigger, 10) as schedule,
              min(w.started_at) as began
            from public.cloud_job_workers w
            where w.trigger like 'schedule %' and w.run_url is not null
            group by 1, 2, public.cloud_jobs_run_of(w.run_url)
          ) run
        ) tick
        where tick.position <= 13
        group by tick.repository, tick.schedule
      ) s))
$$;
