-- Writes to the outbox that a job waits for a decision: one row for each channel of its queue. A part of cloud_jobs_wait, which
-- calls it when the wait begins.
create or replace function public.cloud_jobs_alert_approval(job_id_param text, step_param text)
returns void
language sql
set search_path = ''
as $$
  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, job_id, error)
  select c.channel, j.queue, public.cloud_jobs_approval_subject(j.job_id, j.name, s.name, s.details), 'approval', 'failed', j.job_id,
    concat_ws(E'\n\n', left(s.details->>'details', 3000),
      format('To decide: cloud-jobs approve %1$s%2$s, or cloud-jobs reject %1$s%2$s. It is given up at %3$s UTC.', j.job_id,
        case when s.name <> 'approval' then ' --signal ''' || replace(s.name, '''', '''\''''') || '''' else '' end,
        to_char(s.until at time zone 'UTC', 'YYYY-MM-DD HH24:MI')))
  from public.cloud_jobs j
  join public.cloud_job_steps s on s.job_id = j.job_id and s.occurrence = j.occurrence and s.name = step_param
  join public.cloud_jobs_alert_channels c on c.queue = j.queue and c.seen_at > now() - interval '7 days'
  where j.job_id = job_id_param
$$;

-- What an alert about an approval is called: each approval of each job has a name of its own.
create or replace function public.cloud_jobs_approval_subject(job_id_param text, name_param text, step_param text, details_param jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select format('%s (%s, %s%s)', left(details_param->>'title', 200), left(name_param, 100), job_id_param,
    case when step_param <> 'approval' then ', ' || left(step_param, 80) else '' end)
$$;
