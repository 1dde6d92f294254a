-- Dependencies: a job that starts when its parents have finished.
--
-- One row for each pair of child and parent; nothing is counted. A child that waits for its parents has blocked = null, which
-- keeps it out of the index of the claim. The triggers here act when a parent with children ends, for every writer, and
-- cost nothing for other jobs. Row locks of children are never waited for: what another transaction holds is left for the
-- next claim (cloud_jobs_pass_on), so two parents that end at the same moment cannot deadlock.
create table if not exists public.cloud_job_dependencies (
  job_id     text not null references public.cloud_jobs (job_id) on delete cascade,
  -- No foreign key: the row outlives a deleted parent, and says why the child was cancelled.
  parent_id  text not null,
  -- What the child calls the parent. The id of the parent unless the parent was enqueued with a ref.
  ref        text not null,
  -- The place of the parent in depends_on.
  position   integer not null,
  -- What becomes of the child if the parent fails or is deleted. cancel: it is cancelled. run: it runs all the same. wait: it
  -- waits until the parent has been retried and succeeds.
  on_failure text not null default 'cancel' check (on_failure in ('cancel', 'run', 'wait')),
  -- How the parent ended. Null while the child waits for it.
  outcome    text check (outcome in ('success', 'failed', 'deleted')),
  -- The job whose failure is the root cause, if the parent did not succeed.
  root_id    text,
  -- Whether the child knows: it was released or cancelled, or waits for other parents only.
  passed_on  boolean not null default false,
  primary key (job_id, parent_id)
);
alter table public.cloud_job_dependencies enable row level security;
alter table public.cloud_job_dependencies
  -- The parent added the child when it succeeded. The child neither waits for it nor gets its result.
  add column if not exists spawned boolean not null default false,
  -- The execution whose result the child gets; null for the last success of the parent. Set for an occurrence of a recurring job.
  add column if not exists execution_id text;
create index if not exists cloud_job_dependencies_parent on public.cloud_job_dependencies (parent_id);
create index if not exists cloud_job_dependencies_root on public.cloud_job_dependencies (root_id) where root_id is not null;
-- What a child still waits for. Read from its end: parents tend to end in the order of their ids.
create index if not exists cloud_job_dependencies_open on public.cloud_job_dependencies (job_id, parent_id) where not passed_on;
-- Ends of parents that their children do not know of yet. Nearly always empty.
create index if not exists cloud_job_dependencies_unpassed on public.cloud_job_dependencies (job_id, parent_id)
  where outcome is not null and not passed_on;

alter table public.cloud_jobs
  -- True if the job was enqueued with depends_on: it has rows in cloud_job_dependencies.
  add column if not exists has_parents boolean,
  -- True if other jobs depend on this one.
  add column if not exists has_children boolean,
  -- Of a recurring job: the jobs that are added when an occurrence has ended. See cloud_jobs_add_followers.
  add column if not exists followers jsonb;
-- squawk-ignore ban-drop-not-null
alter table public.cloud_jobs alter column blocked drop not null;

-- Only a job that may still start waits for its parents.
create or replace function public.cloud_jobs_stop_waiting()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.blocked := false;
  return new;
end
$$;

create or replace trigger cloud_jobs_stop_waiting
  before update of status, blocked on public.cloud_jobs
  for each row
  when (new.blocked is null and new.status in ('locked', 'success', 'failed'))
  execute function public.cloud_jobs_stop_waiting();

-- Records how a parent ended, for its children; a trigger at the end of the statement tells them. In between lies a setting of the
-- transaction, so the second trigger costs nothing for statements that end no parent.
create or replace function public.cloud_jobs_record_outcome()
returns trigger
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  ended constant text := case when tg_op = 'DELETE' then 'deleted' else new.status end;
  -- A parent that was cancelled because of a parent of its own passes on the root cause.
  never_ran constant boolean := tg_op = 'UPDATE' and new.last_execution is null;
begin
  update public.cloud_job_dependencies d set outcome = ended,
    root_id = case when ended <> 'success' then public.cloud_jobs_root_of(old.job_id, never_ran) end
  where d.parent_id = old.job_id and d.outcome is null and (ended <> 'failed' or d.on_failure <> 'wait');
  -- A child that is cancelled here is a parent that ends: its children follow in the same loop.
  if found and coalesce(current_setting('cloud_jobs.parents', true), '') <> 'pass on' then
    perform set_config('cloud_jobs.parents', 'ended', true);
  end if;
  return case when tg_op = 'DELETE' then old else new end;
end
$$;

-- By its name the last of the triggers before an update: the others may change the status.
create or replace trigger cloud_jobs_tell_children
  before update of status, current_retries, max_retries, finished_at on public.cloud_jobs
  for each row
  when (new.has_children and new.status in ('success', 'failed') and new.finished_at is not null
    and (old.status not in ('success', 'failed') or old.finished_at is null))
  execute function public.cloud_jobs_record_outcome();

create or replace trigger cloud_jobs_tell_children_deleted
  before delete on public.cloud_jobs
  for each row
  when (old.has_children)
  execute function public.cloud_jobs_record_outcome();

create or replace function public.cloud_jobs_parents_ended()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform public.cloud_jobs_pass_on();
  return null;
end
$$;

create or replace trigger cloud_jobs_parents_ended
  after update of status, current_retries, max_retries, finished_at or delete on public.cloud_jobs
  for each statement
  when (current_setting('cloud_jobs.parents', true) = 'ended')
  execute function public.cloud_jobs_parents_ended();

-- Adds the jobs that come after an occurrence which has ended. If that is not possible, the occurrence has ended all the same, and
-- the job says why.
create or replace function public.cloud_jobs_occurrence_ended()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
  why text;
begin
  begin
    perform public.cloud_jobs_add_followers(new.job_id, coalesce(new.unique_key, new.job_id), new.followers, e.execution_id, e.status)
    from public.cloud_job_executions e
    where e.execution_id = old.locked_execution_id and e.status <> 'running';
  exception when others then
    get stacked diagnostics why = message_text;
    update public.cloud_jobs set error_message = format('The jobs after it were not added: %s', why) where job_id = new.job_id;
  end;
  return null;
end
$$;

create or replace trigger cloud_jobs_occurrence_ended
  after update of status on public.cloud_jobs
  for each row
  when (new.followers is not null and old.status = 'locked' and new.status <> 'locked'
    and (new.occurrence > old.occurrence or new.status in ('success', 'failed')))
  execute function public.cloud_jobs_occurrence_ended();
