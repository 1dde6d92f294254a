insert into public.cloud_jobs_schema (version, name) values
:ROWS:
on conflict (version) do nothing;

-- PostgREST learns of the functions.
notify pgrst, 'reload schema';

commit;
