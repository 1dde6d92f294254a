-- What is installed: the functions, tables, columns, defaults, constraints, indexes, triggers, views and grants of cloud-jobs.
--
-- One row for each thing: its name for people, its definition, and the statement that makes it again, or null if
-- sql/install.sql does so. Names no other function, so that it works in a broken schema. Changes nothing.
create or replace function public.cloud_jobs_catalog()
returns table (thing text, definition text, repair text)
language sql
stable
set search_path = ''
as $$
  with relation as (
    select c.oid, c.relname, c.relkind, c.relrowsecurity, c.reloptions
    from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
      and (c.relname like 'cloud\_job%' or c.relname in ('papers', 'job_statistics'))
  ),
  routine as (
    select p.oid, replace(p.oid::regprocedure::text, 'public.', '') as name
    from pg_catalog.pg_proc p
    where p.pronamespace = 'public'::regnamespace and p.proname <> 'cloud_jobs_installed'
      and (p.proname like 'cloud\_jobs\_%' or p.proname in ('get_next_available_job', 'release_expired_locks'))
  )
  select 'function ' || r.name, md5(pg_get_functiondef(r.oid)), null from routine r
  union all
  select case r.relkind when 'v' then 'view ' else 'table ' end || r.relname,
    case r.relkind when 'v' then md5(pg_get_viewdef(r.oid) || coalesce(r.reloptions::text, '')) else 'table' end, null
  from relation r
  union all
  select 'row level security of ' || r.relname, r.relrowsecurity::text, null from relation r where r.relkind = 'r'
  union all
  select format('column %s.%s', r.relname, a.attname),
    format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end,
    format('alter table public.%I alter column %I type %s, alter column %I %s not null', r.relname, a.attname,
      format_type(a.atttypid, a.atttypmod), a.attname, case when a.attnotnull then 'set' else 'drop' end)
  from relation r join pg_catalog.pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  where r.relkind = 'r'
  union all
  select format('default of %s.%s', r.relname, a.attname), pg_get_expr(d.adbin, d.adrelid),
    format('alter table public.%I alter column %I set default %s', r.relname, a.attname, pg_get_expr(d.adbin, d.adrelid))
  from relation r join pg_catalog.pg_attribute a on a.attrelid = r.oid
  join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where r.relkind = 'r'
  union all
  select format('constraint %s of %s', k.conname, r.relname), pg_get_constraintdef(k.oid) || case when k.convalidated then '' else ' (not valid)' end,
    format('alter table public.%I drop constraint if exists %I, add constraint %I %s', r.relname, k.conname, k.conname, pg_get_constraintdef(k.oid))
  from relation r join pg_catalog.pg_constraint k on k.conrelid = r.oid and k.contype <> 'n'
  union all
  -- An index of a constraint is made with it.
  select format('index %s of %s', i.relname, r.relname), pg_get_indexdef(x.indexrelid) || case when x.indisvalid then '' else ' (invalid)' end,
    format('drop index if exists public.%I; %s', i.relname, pg_get_indexdef(x.indexrelid))
  from relation r join pg_catalog.pg_index x on x.indrelid = r.oid join pg_catalog.pg_class i on i.oid = x.indexrelid
  where i.relname like 'cloud\_job%' and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.oid and k.conrelid = r.oid)
  union all
  select format('trigger %s of %s', t.tgname, r.relname), pg_get_triggerdef(t.oid) || case when t.tgenabled = 'D' then ' (disabled)' else '' end,
    null
  from relation r join pg_catalog.pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  where p.proname like 'cloud\_jobs\_%'
  union all
  select format('grant of %s on %s to service_role', v.verb, r.relname), 'granted', null
  from relation r cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
  where has_table_privilege('service_role', r.oid, v.verb)
  union all
  select format('grant of execute on %s to service_role', r.name), 'granted', null
  from routine r where has_function_privilege('service_role', r.oid, 'execute')
$$;

-- How this database differs from what its sql/install.sql made, and through what others reach the tables. For doctor.
--
-- Reply: {"v", "differences": [{"thing", "state": "missing" | "changed", "repair"}], "reached_through": [text]}.
-- differences is null if nothing was recorded, by an installation of an earlier release. What others added is no difference.
-- After an upgrade of Postgres, which prints definitions in another form, only missing things are found. Changes nothing.
create or replace function public.cloud_jobs_inspect()
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  installed jsonb;
  differences jsonb;
  reached jsonb;
begin
  begin
    installed := public.cloud_jobs_installed();
  exception when undefined_function then
    null;
  end;
  if installed is not null then
    with was as (
      select thing.key as thing, thing.value->>'definition' as definition, thing.value->>'repair' as repair
      from jsonb_each(installed->'things') as thing (key, value)
    ),
    gone as (
      select regexp_replace(was.thing, '^(table|view|function) ', '') as name from was
      where was.thing ~ '^(table|view|function) '
        and not exists (select from public.cloud_jobs_catalog() is_now where is_now.thing = was.thing)
    )
    select coalesce(jsonb_agg(jsonb_build_object('thing', was.thing,
      'state', case when is_now.thing is null then 'missing' else 'changed' end,
      -- sql/install.sql makes missing columns and indexes again, but no defaults and no constraint within a table.
      'repair', case when is_now.thing is not null or was.thing ~ '^(default|constraint) ' then was.repair end)
      -- Foreign keys need the primary key first.
      order by was.thing ~ '_pkey ' desc, was.thing), '[]')
    into differences
    from was left join public.cloud_jobs_catalog() is_now using (thing)
    where (is_now.thing is null
        or (is_now.definition <> was.definition
          and installed->>'server' = split_part(current_setting('server_version'), '.', 1)))
      -- Of a table or function that is gone, its parts and grants are not named as well.
      and not exists (select from gone where was.thing !~ '^(table|view|function) '
        and (right(was.thing, length(gone.name) + 4) = ' of ' || gone.name
          or strpos(was.thing, ' ' || gone.name || '.') > 0
          or strpos(was.thing, ' on ' || gone.name || ' to ') > 0));
  end if;

  with recursive dependent as (
    select c.oid, c.oid as relation from pg_catalog.pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname like 'cloud\_job%'
    union
    select v.oid, dependent.relation
    from dependent
    join pg_catalog.pg_depend d on d.refobjid = dependent.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
      and d.classid = 'pg_catalog.pg_rewrite'::regclass
    join pg_catalog.pg_rewrite w on w.oid = d.objid
    join pg_catalog.pg_class v on v.oid = w.ev_class and v.oid <> dependent.oid
    where v.relkind in ('v', 'm')
  ),
  outsider (role) as (
    select r.rolname from pg_catalog.pg_roles r where r.rolname in ('anon', 'authenticated')
  ),
  way as (
    select format('%s may %s through the view %s.%s', o.role, string_agg(distinct v.verb, ', ' order by v.verb), n.nspname, c.relname) as line
    from (select distinct oid from dependent) d
    join pg_catalog.pg_class c on c.oid = d.oid and c.relkind in ('v', 'm')
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join outsider o cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
    -- A view with security_invoker shows nothing that whoever asks could not read without it.
    where coalesce(c.reloptions::text, '') !~ 'security_invoker=(true|on|1|yes)'
      and has_schema_privilege(o.role, n.oid, 'usage') and has_table_privilege(o.role, c.oid, v.verb)
      and (v.verb = 'select' or c.relkind = 'v')
    group by o.role, n.nspname, c.relname
    union all
    -- A trigger function cannot be called.
    select format('%s may call %s, which runs with the rights of its owner and names cloud_jobs', o.role, p.oid::regprocedure)
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    cross join outsider o
    where p.prosecdef and p.prorettype <> 'trigger'::regtype
      and n.nspname not in ('pg_catalog', 'information_schema')
      and (p.prosrc ~ 'cloud_job' or pg_get_function_sqlbody(p.oid) ~ 'cloud_job')
      and not (n.nspname = 'public' and p.proname like 'cloud\_jobs\_%')
      and has_schema_privilege(o.role, n.oid, 'usage') and has_function_privilege(o.role, p.oid, 'execute')
  )
  select coalesce(jsonb_agg(way.line order by way.line), '[]') into reached from way;
  return jsonb_build_object('v', 1, 'differences', differences, 'reached_through', reached);
end
$$;
