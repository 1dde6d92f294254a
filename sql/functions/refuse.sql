-- Raises an error that the caller can act on. PostgREST answers SQLSTATE PTxyz with HTTP status xyz.
create or replace function public.cloud_jobs_refuse(status_param integer, message_param text, hint_param text default '')
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT' || status_param, message = message_param, hint = hint_param;
end
$$;
