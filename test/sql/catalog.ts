import type { TestProject } from '../support/stack.ts';

/** All of the schema `public` that an installation can change, one line for each thing. */
const CATALOG = `
  select line from (
    select 'function ' || p.oid::regprocedure || ' ' || pg_get_functiondef(p.oid) || ' ' || pg_get_userbyid(p.proowner)
      || coalesce(p.proacl::text, ' open') as line
    from pg_proc p where p.pronamespace = 'public'::regnamespace
    union all
    select 'column ' || c.relname || '.' || a.attname || ' ' || a.attnum || ' ' || format_type(a.atttypid, a.atttypmod) || ' '
      || a.attnotnull || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || coalesce(a.attacl::text, '')
      || coalesce(col_description(c.oid, a.attnum), '')
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and a.attnum > 0
    union all
    select 'relation ' || c.relname || ' ' || c.relkind::text || ' ' || c.relfilenode || ' ' || pg_get_userbyid(c.relowner)
      || coalesce(c.relacl::text, ' no acl') || coalesce(c.reloptions::text, '') || c.relrowsecurity || c.relforcerowsecurity
    from pg_class c where c.relnamespace = 'public'::regnamespace
    union all select 'view ' || viewname || definition from pg_views where schemaname = 'public'
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
    union all
    select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    from pg_constraint where connamespace = 'public'::regnamespace
    union all
    select 'trigger ' || pg_get_triggerdef(t.oid) || t.tgenabled::text from pg_trigger t
    join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'public'::regnamespace and not t.tgisinternal
    union all
    select 'policy ' || tablename || ' ' || policyname || roles::text || cmd || coalesce(qual, '') || coalesce(with_check, '')
    from pg_policies where schemaname = 'public'
  ) as everything
  order by line collate "C"`;

export async function catalog(project: TestProject): Promise<string[]> {
  return (await project.sql<{ line: string }>(CATALOG)).map((row) => row.line);
}

/** Every row of every table with the transaction that wrote it. */
export async function rowsOf(project: TestProject): Promise<Record<string, unknown>> {
  const tables = await project.sql<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1`,
  );
  const rows: Record<string, unknown> = {};
  for (const { name } of tables) {
    rows[name] = await project.sql(
      `select t.xmin::text, t.ctid::text, t.* from public.${name} t order by t.ctid`,
    );
  }
  return rows;
}
