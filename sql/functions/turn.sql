-- The occurrence that follows one that is over, by the job's policy for occurrences that no worker started in time.
--
-- once: the next after the last start, since that start stood for all that had been due by then. skip: the next, unless it
-- is later than its grace; then the first that is not. all: the next, however late; of a long backlog the newest hundred.
--
-- skipped, first_skipped and last_skipped describe those left out (skipped counts up to 100). fault is set if the schedule
-- cannot be evaluated: an attempt must end whatever has become of its schedule.
create or replace function public.cloud_jobs_turn(
  schedule_param text, timezone_param text, missed_param text, grace_param integer,
  after_param timestamptz, started_param timestamptz,
  out next timestamptz, out skipped integer, out first_skipped timestamptz, out last_skipped timestamptz, out fault text)
language plpgsql
stable
set search_path = ''
as $$
declare
  moment constant interval := interval '1 microsecond';
  grace constant interval := make_interval(secs => grace_param);
  oldest timestamptz;
begin
  skipped := 0;
  next := public.cloud_jobs_next_occurrence(schedule_param, timezone_param,
    case when missed_param = 'once' then greatest(after_param, started_param) else after_param end);
  if missed_param = 'skip' and next < now() - grace then
    oldest := public.cloud_jobs_next_occurrence(schedule_param, timezone_param, now() - grace - moment);
  elsif missed_param = 'all' and next < now() - interval '100 minutes' then
    oldest := public.cloud_jobs_newest_occurrence(schedule_param, timezone_param, after_param, now(), 100);
  end if;
  if oldest > next then
    first_skipped := next;
    last_skipped := public.cloud_jobs_newest_occurrence(schedule_param, timezone_param, next - moment, oldest - moment);
    select count(*) into skipped
    from public.cloud_jobs_occurrences(schedule_param, timezone_param, next - moment, oldest - moment, 100) as o;
    next := oldest;
  end if;
  if next is null then
    fault := format('Its schedule "%s" has no occurrence in the next 40 years, so it has ended.', schedule_param);
  end if;
exception when others then
  next := null;
  skipped := 0;
  fault := format('Its schedule "%s" in %s cannot be evaluated, so it has ended: %s', schedule_param, timezone_param, sqlerrm);
end
$$;
