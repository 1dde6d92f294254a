-- Alerts: what failed, for whom it is to be reported, and what has been reported.
--
-- A channel is a place that alerts go to, such as "issue owner/repository". Workers with the input alert register theirs for
-- their queues. Without a channel nothing is written here.
create table if not exists public.cloud_jobs_alert_channels (
  channel text not null check (length(channel) between 1 and 300),
  queue   text not null,
  seen_at timestamptz not null default now(),
  primary key (channel, queue)
);
alter table public.cloud_jobs_alert_channels enable row level security;

-- The outbox. Its rows are only added in the transaction that fails a job, so two such transactions never wait here.
create table if not exists public.cloud_jobs_alert_outbox (
  alert_id     text primary key default public.cloud_jobs_new_id(),
  channel      text not null,
  queue        text not null,
  -- The name of the job, what a run warns about, or what waits for a decision.
  subject      text not null,
  kind         text not null check (kind in ('job', 'run', 'approval')),
  -- For an approval, failed is that it waits, and recovered that it does no longer.
  action       text not null check (action in ('failed', 'recovered')),
  job_id       text,
  error        text,
  failure_kind text,
  run_url      text,
  created_at   timestamptz not null default now(),
  -- Rows that one message reports, and that message as it was first sent.
  batch_id     text,
  message      jsonb,
  attempts     integer not null default 0,
  next_at      timestamptz not null default now(),
  leased_by    text,
  leased_until timestamptz,
  sent_at      timestamptz,
  last_error   text
);
do $$
begin
  if not exists (select from pg_constraint where conrelid = 'public.cloud_jobs_alert_outbox'::regclass
    and conname = 'cloud_jobs_alert_outbox_kind_check' and pg_get_constraintdef(oid) like '%approval%')
  then
    alter table public.cloud_jobs_alert_outbox drop constraint if exists cloud_jobs_alert_outbox_kind_check;
    alter table public.cloud_jobs_alert_outbox add constraint cloud_jobs_alert_outbox_kind_check check (kind in ('job', 'run', 'approval'));
  end if;
end
$$;
alter table public.cloud_jobs_alert_outbox enable row level security;
create index if not exists cloud_jobs_alert_outbox_unsent on public.cloud_jobs_alert_outbox (channel, created_at, alert_id)
  where sent_at is null;
create index if not exists cloud_jobs_alert_outbox_batch on public.cloud_jobs_alert_outbox (batch_id);
create index if not exists cloud_jobs_alert_outbox_created_at on public.cloud_jobs_alert_outbox (created_at);

-- What a channel knows of a subject.
create table if not exists public.cloud_jobs_alert_subjects (
  channel        text not null,
  subject        text not null,
  queue          text not null,
  kind           text not null,
  is_open        boolean not null default false,
  opened_at      timestamptz,
  failures       integer not null default 0,
  last_failed_at timestamptz,
  -- The newest jobs of this name that failed, up to 20.
  job_ids        text[] not null default '{}',
  -- Jobs that finished until then were searched for a success.
  checked_to     timestamptz,
  issue_number   bigint,
  last_sent_at   timestamptz,
  primary key (channel, subject)
);
alter table public.cloud_jobs_alert_subjects enable row level security;

-- Writes to the outbox that a job has failed for good: one row for each channel of its queue.
create or replace function public.cloud_jobs_alert_failed()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
begin
  insert into public.cloud_jobs_alert_outbox (channel, queue, subject, kind, action, job_id, error, failure_kind, run_url)
  select c.channel, new.queue, new.name, 'job', 'failed', new.job_id, left(new.error_message, 4000), last.failure_kind, last.run_url
  from public.cloud_jobs_alert_channels c
  left join lateral (
    select e.failure_kind, e.run_url from public.cloud_job_executions e
    where e.job_id = new.job_id order by e.started_at desc limit 1) last on true
  where c.queue = new.queue and c.seen_at > now() - interval '7 days';
  return null;
end
$$;

-- The last attempt at a job, or at an occurrence of a recurring one. What somebody cancelled has not failed.
create or replace trigger cloud_jobs_alert_failed
  after update of status on public.cloud_jobs
  for each row
  when (old.status in ('waiting', 'locked') and old.cancel_requested_at is null
    and new.error_message is not null and new.error_message <> 'Cancelled before it ran.'
    and ((new.status = 'failed' and new.finished_at is not null)
      or (new.schedule is not null and new.occurrence > old.occurrence
        and (old.status = 'locked' or new.error_message like 'It expired: %'))))
  execute function public.cloud_jobs_alert_failed();
