-- Records which alerts of a channel were sent.
--
-- results: [{"id", "sent", "error", "retry_seconds", "issue_number"}]. What was not sent is due again after retry_seconds, or
-- after 30 s, 1 min, 2 min, ... up to 6 h. Applies only to alerts that the worker holds. Reply: {"v", "recorded"}. A repeat
-- changes nothing.
create or replace function public.cloud_jobs_alert_done(instance_id_param text, channel_param text, results_param jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  result record;
  recorded integer := 0;
  reported text;
begin
  if jsonb_typeof(results_param) is distinct from 'array' then
    perform public.cloud_jobs_refuse(400, 'results_param is not an array.', 'Pass a JSON array of objects.');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('cloud-jobs alerts: ' || channel_param, 0));
  for result in
    select r.* from jsonb_to_recordset(results_param) as r (id text, sent boolean, error text, retry_seconds double precision, issue_number bigint)
  loop
    with held as (
      update public.cloud_jobs_alert_outbox o set
        sent_at = case when result.sent then now() end,
        attempts = o.attempts + 1,
        next_at = now() + make_interval(secs => coalesce(result.retry_seconds, least(21600, 30 * power(2, least(o.attempts, 20))))),
        leased_until = null,
        last_error = left(result.error, 1000)
      where o.batch_id = result.id and o.channel = channel_param and o.leased_by = instance_id_param and o.sent_at is null
        and o.leased_until is not null
      returning o.subject)
    select max(held.subject) into reported from held;
    if reported is not null then
      recorded := recorded + 1;
      update public.cloud_jobs_alert_subjects s set issue_number = coalesce(result.issue_number, s.issue_number),
        last_sent_at = case when result.sent then now() else s.last_sent_at end
      where s.channel = channel_param and s.subject = reported;
    end if;
  end loop;
  return jsonb_build_object('v', 1, 'recorded', recorded);
end
$$;
