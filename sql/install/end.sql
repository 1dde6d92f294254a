insert into public.cloud_jobs_schema (version, name) values (:VERSION:, 'cloud-jobs')
on conflict (version) do nothing;

-- PostgREST learns of the new functions.
notify pgrst, 'reload schema';

commit;
