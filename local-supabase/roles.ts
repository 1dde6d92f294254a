import { createHmac } from 'node:crypto';

/** Default privileges of new objects in `public`: before or after Supabase's change of 2026. */
export type GrantRegime = 'current' | 'legacy';

/** The cluster's superuser. On a hosted project, too, it is not `postgres`. */
export const ADMIN_ROLE = 'supabase_admin';

/** Password of a role, derived from the superuser's: one secret to keep for a whole cluster. */
export function rolePassword(adminPassword: string, role: string): string {
  return createHmac('sha256', adminPassword).update(role).digest('base64url');
}

/** Turns a connection URL of the superuser into that of another role and, if asked, another database. */
export function urlAs(adminUrl: string, role: string, database?: string): string {
  const url = new URL(adminUrl);
  if (role !== ADMIN_ROLE) {
    url.password = rolePassword(decodeURIComponent(url.password), role);
    url.username = role;
  }
  if (database !== undefined) url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

const ROLES = ['anon', 'authenticated', 'service_role', 'authenticator', 'postgres'] as const;

/**
 * SQL that makes the roles of a hosted project; safe to run again. Attributes and timeouts: supabase/postgres,
 * initial schema and the migrations 20221028101028 and 20231130133139; docs, "Timeouts". service_role has no
 * timeout of its own, so through PostgREST it has authenticator's 8 s.
 */
export function rolesSql(adminPassword: string): string {
  const create = ROLES.map(
    (role) =>
      `if not exists (select from pg_catalog.pg_roles where rolname = '${role}') then create role ${role}; end if;`,
  ).join('\n  ');
  const password = (role: string) => `'${rolePassword(adminPassword, role)}'`;
  return `
do $$ begin
  ${create}
end $$;
alter role anon nologin noinherit;
alter role authenticated nologin noinherit;
alter role service_role nologin noinherit bypassrls;
alter role authenticator login noinherit password ${password('authenticator')};
-- Not a superuser: what the SQL Editor runs as.
alter role postgres login inherit createrole createdb replication bypassrls password ${password('postgres')};
grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role, authenticator to postgres with admin option;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres with admin option;
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set statement_timeout = '2min';
alter role postgres set search_path = "$user", public, extensions;
`;
}

/**
 * SQL, for the superuser, that makes a database look like a hosted project's: schemas, their grants, and the
 * default privileges of what `postgres` creates in `public`. Safe to run again.
 * Sources: supabase/postgres initial-schema.sql (legacy); the revokes that the dashboard and the CLI run for
 * projects of today, changelog 45329.
 */
export function databaseSql(grants: GrantRegime): string {
  const defaults = (text: string) => `alter default privileges for role postgres in schema public ${text};`;
  const legacy = ['tables', 'functions', 'sequences'].map((kind) =>
    defaults(`grant all on ${kind} to postgres, anon, authenticated, service_role`),
  );
  const revokes = [
    'select, insert, update, delete on tables',
    'usage, select on sequences',
    'execute on functions',
  ].map((what) => defaults(`revoke ${what} from anon, authenticated, service_role`));
  return `
create schema if not exists extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;
grant usage on schema public to postgres, anon, authenticated, service_role;
grant create on schema public to postgres;
${[...legacy, ...(grants === 'current' ? revokes : [])].join('\n')}
`;
}
