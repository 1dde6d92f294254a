-- Recurring jobs: what becomes of occurrences that no worker started in time.
alter table public.cloud_jobs
  -- once: late by one or by fifty, it runs once. skip: an occurrence later than its grace is recorded as skipped.
  -- all: each one, oldest first, up to a cap.
  add column if not exists missed text not null default 'once',
  -- How late an occurrence may start before "skip" skips it.
  add column if not exists missed_grace_seconds integer not null default 900,
  -- The occurrence that the row stands for. run_at moves on with every retry, this does not.
  add column if not exists scheduled_for timestamptz;
