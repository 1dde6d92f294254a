-- Which workers came, when, and what started them. Late ticks, silence and live workers are recognised by this record.
-- One small row for each worker, written by its own claims; the newest 300 are kept.
create table if not exists public.cloud_job_workers (
  instance_id text primary key,
  queues      text[] not null,
  -- GitHub's name of the event that started the run; for a schedule with its cron expression: "schedule 17 * * * *".
  trigger     text,
  run_url     text,
  started_at  timestamptz not null default now(),
  -- The last claim, to within 30 s, and the last that found jobs.
  seen_at     timestamptz not null default now(),
  claimed_at  timestamptz
);
-- The job types that the worker asked for. Null: not known, written by an earlier release.
alter table public.cloud_job_workers add column if not exists job_types text[];
alter table public.cloud_job_workers enable row level security;
create index if not exists cloud_job_workers_seen_at on public.cloud_job_workers (seen_at);
