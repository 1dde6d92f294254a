-- Closed by default: row level security without a policy lets in only the owner and service_role.
alter table public.cloud_jobs enable row level security;
alter table public.cloud_job_executions enable row level security;

-- The first schema let everybody with the public anon key read and write jobs, and so decide what runs beside the
-- secrets of the repository. sql/optional/anon-access.sql restores that for those who want it.
do $$
declare
  policy record;
begin
  for policy in
    select tablename, policyname from pg_policies
    where schemaname = 'public' and tablename in ('cloud_jobs', 'cloud_job_executions')
      and roles && array['anon', 'authenticated', 'public']::name[]
  loop
    raise warning 'cloud-jobs: dropping policy "%" on %, which let anon or authenticated in. If you rely on it, read sql/optional/anon-access.sql.',
      policy.policyname, policy.tablename;
    execute format('drop policy %I on public.%I', policy.policyname, policy.tablename);
  end loop;
end
$$;
