import { expect } from 'vitest';
import { signJwt } from '../../local-supabase/keys.ts';
import type { TestProject } from '../support/stack.ts';

interface Routine extends Record<string, unknown> {
  readonly name: string;
  readonly args: string[];
  /** Their types, as `text` or `_text`. */
  readonly types: string[];
}

/** What the catalog has, so that a new table or function cannot be forgotten. Trigger functions are no RPC. */
export async function inventory(project: TestProject): Promise<{ relations: string[]; routines: Routine[] }> {
  const relations = await project.sql<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p', 'f') order by 1`,
  );
  const routines = await project.sql<Routine>(
    `select proname as name, coalesce(proargnames[1:pronargs], '{}') as args,
       array(select t.typname::text from unnest(proargtypes) with ordinality a (type, n) join pg_type t on t.oid = a.type order by n) as types
     from pg_proc
     where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype order by 1`,
  );
  return { relations: relations.map(({ name }) => name), routines };
}

/** A token for a role of the database, signed for this project: what a key of least privilege is. */
export function roleToken(project: TestProject, role: string, claims: Record<string, unknown> = {}): string {
  return signJwt({ role, exp: Math.floor(Date.now() / 1000) + 3600, ...claims }, project.jwtSecret);
}

/** The headers that a client with this key sends: a token that is no key of the project goes beside the anon key. */
export function headersOf(project: TestProject, key: string): Record<string, string> {
  const keys = [project.anonKey, project.serviceKey, project.publishableKey, project.secretKey];
  return keys.includes(key) ? { apikey: key } : { apikey: project.anonKey, authorization: `Bearer ${key}` };
}

export type Answers = Record<string, string>;

/** As a query string has it, for a function that is called by GET. */
function sample(type: string): string {
  if (type.startsWith('_') || type === 'jsonb') return '{}';
  if (/int|float|numeric/.test(type)) return '1';
  if (type === 'uuid') return '00000000-0000-4000-8000-000000000000';
  return { bool: 'false', timestamptz: '2030-01-01' }[type] ?? 'x';
}

/**
 * Asks for everything over HTTP, by every verb, and notes the error code of each answer, or its HTTP status.
 * @param everyWay by the rarer verbs and forms as well: twice the requests
 */
export async function callEverything(project: TestProject, key: string, everyWay = false): Promise<Answers> {
  const { relations, routines } = await inventory(project);
  const headers = { ...headersOf(project, key), 'content-type': 'application/json' };
  const answers: Answers = {};
  const waiting: (() => Promise<void>)[] = [];
  const ask = (what: string, method: string, path: string, body?: unknown, more: object = {}): void => {
    waiting.push(() => request(what, method, path, body, more));
  };
  const request = async (what: string, method: string, path: string, body: unknown, more: object) => {
    const reply = await fetch(`${project.url}/rest/v1/${path}`, {
      method,
      headers: { ...headers, ...more },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await reply.text();
    const code = reply.ok ? undefined : /"code":"(\w+)"/.exec(text)?.[1];
    // The answer to HEAD has no text.
    const refused = method === 'HEAD' && [401, 403].includes(reply.status) ? '42501' : undefined;
    const answer = code ?? refused ?? String(reply.status);
    // Of several ways to the same thing, one that is open counts.
    const before = answers[what] ?? '42501';
    answers[what] = before === '42501' || (answer.startsWith('2') && answer.length === 3) ? answer : before;
  };
  const columns = await project.sql<{ name: string; column: string; key: string[] }>(
    `select c.relname as name, min(a.attname) as column, array(
       select k.attname::text from pg_index i join pg_attribute k on k.attrelid = i.indrelid and k.attnum = any (i.indkey)
       where i.indrelid = c.oid and i.indisprimary) as key
     from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'public'::regnamespace and a.attnum = 1 group by 1, c.oid`,
  );
  for (const relation of relations) {
    const { column = '', key: primary = [] } = columns.find(({ name }) => name === relation) ?? {};
    ask(`read ${relation}`, 'GET', relation);
    ask(`insert ${relation}`, 'POST', relation, {});
    ask(`upsert ${relation}`, 'POST', relation, {}, { prefer: 'resolution=merge-duplicates' });
    ask(`update ${relation}`, 'PATCH', `${relation}?${column}=is.null`, { [column]: null });
    ask(`delete ${relation}`, 'DELETE', `${relation}?${column}=is.null`);
    if (!everyWay) continue;
    ask(`read ${relation}`, 'HEAD', relation, undefined, { prefer: 'count=exact' });
    ask(`read ${relation}`, 'GET', `${relation}?select=count`, undefined, { range: '0-0' });
    ask(`read ${relation}`, 'GET', relation, undefined, { accept: 'text/csv' });
    if (primary.length > 0) {
      const query = primary.map((one) => `${one}=eq.1`).join('&');
      ask(
        `upsert ${relation}`,
        'PUT',
        `${relation}?${query}`,
        Object.fromEntries(primary.map((one) => [one, 1])),
      );
    }
  }
  for (const { name, args, types } of routines) {
    ask(`call ${name}`, 'POST', `rpc/${name}`, Object.fromEntries(args.map((arg) => [arg, null])));
    if (!everyWay) continue;
    const query = new URLSearchParams(
      args.map((arg, at): [string, string] => [arg, sample(types[at] ?? '')]),
    );
    ask(`call ${name}`, 'GET', `rpc/${name}?${query}`);
  }
  // A few at once: as many as PostgREST has connections.
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await one();
  };
  await Promise.all(Array.from({ length: 6 }, next));
  return answers;
}

/** What the description of the API, at its root, lists for a key: tables and functions, named as `callEverything` names them. */
export async function listedTo(project: TestProject, key: string): Promise<string[]> {
  const reply = await fetch(`${project.url}/rest/v1/`, { headers: headersOf(project, key) });
  const { paths = {} } = (await reply.json()) as { readonly paths?: Readonly<Record<string, unknown>> };
  return Object.keys(paths)
    .filter((path) => path !== '/')
    .map((path) => (path.startsWith('/rpc/') ? `call ${path.slice(5)}` : `read ${path.slice(1)}`));
}

/** A role that a project may have for other purposes. The cluster keeps it; two files may make it at the same moment. */
export const OTHER_ROLE = 'some_other_app';

/** Roles belong to the whole cluster, which other test files change at the same time. */
export async function asPostgresAlone(project: TestProject, text: string): Promise<void> {
  for (let left = 5; ; left -= 1) {
    try {
      await project.asPostgres(text);
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      if (left === 0 || !['XX000', '23505', '42710', '40P01'].includes(code ?? '')) throw error;
    }
  }
}

export interface Caller {
  readonly role: string;
  readonly key: string;
}

export async function callersWithoutRights(project: TestProject): Promise<Caller[]> {
  await asPostgresAlone(
    project,
    `do $$ begin
       if not exists (select from pg_roles where rolname = '${OTHER_ROLE}') then create role ${OTHER_ROLE} nologin; end if;
     end $$;
     grant ${OTHER_ROLE} to authenticator;`,
  );
  const queues = { cloud_jobs_queues: ['default'] };
  return [
    { role: 'anon', key: project.anonKey },
    { role: 'anon', key: project.publishableKey },
    { role: 'authenticated', key: project.authenticatedKey },
    // Claims that mean something to other roles.
    { role: 'authenticated', key: roleToken(project, 'authenticated', queues) },
    { role: OTHER_ROLE, key: roleToken(project, OTHER_ROLE, queues) },
    // The role that PostgREST logs in as.
    { role: 'authenticator', key: roleToken(project, 'authenticator', queues) },
  ];
}

/** A view that cannot be written to says so before it looks at rights. */
const NOT_WRITABLE = /^(insert|upsert|update|delete) job_statistics$/;

/** What a key can do: all that was not refused for want of a right. */
export async function openTo(project: TestProject, key: string, everyWay = true): Promise<string[]> {
  const answers = await callEverything(project, key, everyWay);
  expect(Object.keys(answers).length).toBeGreaterThan(5 * 5 + 25);
  return Object.entries(answers)
    .filter(([what, code]) => code !== '42501' && !(NOT_WRITABLE.test(what) && code === '55000'))
    .map(([what]) => what);
}

/** What a role may do by the catalog; column rights and TRUNCATE cannot be asked for over HTTP. */
export async function rightsOf(project: TestProject, role: string): Promise<string[]> {
  const rights = await project.sql<{ right: string }>(
    `select verb || ' ' || c.relname as right
     from pg_class c cross join (select $1::text as role) r
     cross join unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) verb
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'f')
       and (has_table_privilege(role, c.oid, verb)
         or (verb in ('select', 'insert', 'update', 'references') and has_any_column_privilege(role, c.oid, verb)))`,
    [role],
  );
  return rights.map(({ right }) => right);
}

/** @param exceptFor what anon and authenticated may do */
export async function expectClosed(project: TestProject, exceptFor: RegExp = /^$/): Promise<void> {
  const allowed = (role: string) => (role === 'anon' || role === 'authenticated' ? exceptFor : /^$/);
  const seen = new Set<string>();
  for (const { role, key } of await callersWithoutRights(project)) {
    // Another key of the same role reaches the same.
    const open = await openTo(project, key, !seen.has(role));
    seen.add(role);
    expect(
      open.filter((what) => !allowed(role).test(what)),
      role,
    ).toEqual([]);
    const listed = await listedTo(project, key);
    expect(
      listed.filter((what) => !allowed(role).test(what)),
      role,
    ).toEqual([]);
  }
  for (const role of ['anon', 'authenticated', 'authenticator', OTHER_ROLE]) {
    const rights = await rightsOf(project, role);
    expect(
      rights.filter((right) => !allowed(role).test(right)),
      role,
    ).toEqual([]);
  }
}
