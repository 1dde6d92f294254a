-- Sends an event to a job: select cloud_jobs_signal('the job id', 'paid', '{"amount": 12}').
--
-- job: a job id, or the unique key of an unfinished job. name: what the handler waits for. A job that waits for it is due now; one
-- that does not wait yet gets the event when it does. signal_id names the event: sent twice with the same id, it counts once.
-- Without one, each call is an event of its own.
--
-- Reply: {"v", "job_id", "status", "applied", "changed", "reason"}. Locks the job row. At most 1,000 events of a name, and 64 KiB each.
create or replace function public.cloud_jobs_signal(
  job_param text, name_param text, payload_param jsonb default null, signal_id_param text default null)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  job public.cloud_jobs;
  waiting boolean;
begin
  perform public.cloud_jobs_check_step(name_param, null);
  if octet_length(payload_param::text) > 65536 or length(signal_id_param) > 200 or signal_id_param = '' then
    perform public.cloud_jobs_refuse(413, 'The event is too large, or its id is empty or longer than 200 characters.', 'At most 64 KiB of payload.');
  end if;
  select * into job from public.cloud_jobs j where j.job_id = job_param for update;
  if not found then
    begin
      select * into strict job from public.cloud_jobs j
      where j.unique_key = job_param and j.status in ('waiting', 'locked', 'disabled') and j.finished_at is null for update;
    exception
      when no_data_found then
        return public.cloud_jobs_answer(job_param, null, false, false, 'There is no job with this id, and no unfinished one with this unique key.');
      when too_many_rows then
        return public.cloud_jobs_answer(job_param, null, false, false, 'Jobs of several queues have this unique key. Name the job by its id.');
    end;
  end if;
  if job.status in ('success', 'failed') and job.finished_at is not null then
    return public.cloud_jobs_answer(job.job_id, job.status, false, false, 'It has finished, so it waits for nothing.');
  end if;
  if (select count(*) from public.cloud_job_signals e where e.job_id = job.job_id and e.name = name_param) >= 1000 then
    perform public.cloud_jobs_refuse(413, format('The job has 1000 events of the name %s already.', to_json(left(name_param, 80))), 'Send no more.');
  end if;
  insert into public.cloud_job_signals (job_id, name, signal_id, payload, sent_at)
  values (job.job_id, name_param, coalesce(signal_id_param, public.cloud_jobs_new_id()), payload_param, clock_timestamp())
  on conflict do nothing;
  if not found then
    return public.cloud_jobs_answer(job.job_id, job.status, true, false, 'This event was sent before.');
  end if;
  waiting := exists (
    select from public.cloud_job_steps s
    where s.job_id = job.job_id and s.occurrence = job.occurrence and s.name = name_param and s.kind = 'event' and s.finished_at is null);
  if waiting and job.status = 'waiting' and job.run_at > now() then
    update public.cloud_jobs set run_at = now() where job_id = job.job_id;
  end if;
  return public.cloud_jobs_answer(job.job_id, job.status, true, true, case
    when waiting then null else 'It does not wait for this event yet: it gets it when it does.' end);
end
$$;
