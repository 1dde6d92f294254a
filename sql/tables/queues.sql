-- What a queue may do. A queue without a row here has no limits; rows appear when a setting is first made.
create table if not exists public.cloud_jobs_queues (
  queue                   text primary key check (length(queue) between 1 and 100),
  -- No job of a paused queue is started. Running ones go on.
  paused                  boolean not null default false,
  -- No job is started before this time: a pause that ends by itself.
  cool_down_until         timestamptz,
  -- Why the queue is paused or cools down, for people.
  reason                  text check (length(reason) <= 500),
  -- At most this many jobs run at the same time, on all workers together.
  max_running             integer check (max_running between 1 and 100000),
  -- At most rate_limit starts in any rate_period_seconds.
  rate_limit              integer check (rate_limit between 1 and 1000000),
  rate_period_seconds     integer check (rate_period_seconds between 1 and 604800),
  -- The longest that an attempt of a job without a timeout of its own may take.
  default_timeout_seconds integer check (default_timeout_seconds between 1 and 9999999),
  -- The starts in each tenth of a period, the newest first, and the tenth that the newest stands for.
  rate_starts             integer[] not null default '{}',
  rate_slot               bigint not null default 0,
  updated_at              timestamptz not null default now(),
  constraint cloud_jobs_queues_rate check ((rate_limit is null) = (rate_period_seconds is null))
);
alter table public.cloud_jobs_queues enable row level security;
