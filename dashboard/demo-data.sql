-- A week in the life of a small team's queue: made up, for the demo of the dashboard and for its tests.
insert into public.cloud_job_workers (instance_id, queues, trigger, run_url, started_at, seen_at, claimed_at)
select 'octo/shop/' || 7000 + n, '{default,mail}', 'schedule */5 * * * *', 'https://github.com/octo/shop/actions/runs/' || 7000 + n,
  now() - n * interval '23 min', now() - n * interval '23 min' + interval '90 s', now() - n * interval '23 min'
from generate_series(0, 40) n;

insert into public.cloud_jobs (job_id, name, job_type, config, queue, status, created_at, run_at, finished_at, current_retries, error_message, last_execution)
select 'demo-' || n, (array['Welcome mail', 'Nightly report', 'Sync customer', 'Resize image', 'Invoice'])[1 + n % 5], 'custom',
  jsonb_build_object('handler', (array['welcome', 'report', 'sync', 'resize', 'invoice'])[1 + n % 5], 'customer', n % 97),
  (array['default', 'mail', 'default', 'images', 'default'])[1 + n % 5],
  case when n % 41 = 0 then 'failed' else 'success' end, at, at, at + interval '40 s', case when n % 41 = 0 then 3 else 0 end,
  case when n % 41 = 0 then 'Error: The mail server answered 550: no such user (send.mjs:42)' end, at + interval '30 s'
from generate_series(1, 900) n
cross join lateral (select now() - n * interval '10 min' as at) t;

insert into public.cloud_job_executions (execution_id, job_id, status, started_at, finished_at, duration_seconds, result, error_message,
  instance_id, attempt, failure_kind, run_url, scheduled_for, job_status, output)
select 'demo-execution-' || n, 'demo-' || n, case when n % 41 = 0 then 'failed' else 'success' end, at + interval '30 s', at + interval '40 s',
  2 + n % 17, jsonb_build_object('sent', n % 3), case when n % 41 = 0 then 'Error: The mail server answered 550: no such user (send.mjs:42)' end,
  'octo/shop/' || 7000 + (n * 10 / 23), 1, case when n % 41 = 0 then 'error' end, 'https://github.com/octo/shop/actions/runs/' || 7000 + (n * 10 / 23),
  at, case when n % 41 = 0 then 'failed' else 'success' end, E'Connecting ...\nDone.\n'
from generate_series(1, 900) n
cross join lateral (select now() - n * interval '10 min' as at) t;

select public.cloud_jobs_create('Daily report', 'custom', '{"handler": "report"}', schedule_param => '30 6 * * mon-fri', timezone_param => 'Europe/Berlin');
select public.cloud_jobs_create('Nightly cleanup', 'maintenance', '{"cleanup_days": 30, "cleanup_executions": true}', schedule_param => '@daily');
insert into public.cloud_job_executions (execution_id, job_id, status, started_at, finished_at, duration_seconds, attempt, occurrence, failure_kind, scheduled_for, job_status)
select 'demo-daily-' || n, j.job_id, case when n in (4, 11) then 'failed' else 'success' end, now() - n * interval '1 day', now() - n * interval '1 day' + interval '20 s',
  20, 1, 100 - n, case n when 4 then 'error' when 11 then 'skipped' end, now() - n * interval '1 day', 'waiting'
from public.cloud_jobs j cross join generate_series(1, 25) n where j.schedule is not null and j.name = 'Daily report';

select public.cloud_jobs_enqueue((select jsonb_agg(jsonb_build_object('name', 'Sync customer', 'job_type', 'custom', 'queue', 'reports',
  'config', jsonb_build_object('handler', 'sync', 'customer', n))) from generate_series(1, 12) n));
update public.cloud_jobs set run_at = now() - interval '2 days' where queue = 'reports';
select public.cloud_jobs_enqueue((select jsonb_agg(jsonb_build_object('name', 'Welcome mail', 'job_type', 'custom', 'queue', 'mail',
  'config', jsonb_build_object('handler', 'welcome', 'customer', n))) from generate_series(1, 6) n));
select public.cloud_jobs_claim('octo/shop/7000', 2, '{mail}');
select public.cloud_jobs_set_queue('mail', '{"max_running": 4, "rate_limit": 100, "rate_period_seconds": 60}');
select public.cloud_jobs_set_queue('images', '{"paused": true, "reason": "The storage is being moved."}');

insert into public.papers (arxiv_id, title, authors, abstract, categories, published, author_list, source, source_id, url, primary_category)
select '2611.' || lpad(n::text, 5, '0'), 'An invented paper on queues, number ' || n, 'A. Author|B. Author', 'Jobs that wait.', 'cs.DC', now() - n * interval '7 h',
  '{"A. Author","B. Author"}', 'arxiv', '2611.' || lpad(n::text, 5, '0'), 'https://arxiv.org/abs/2611.' || lpad(n::text, 5, '0'), 'cs.DC'
from generate_series(1, 40) n;
