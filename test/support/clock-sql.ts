/** A clock that is set by hand, `clock.hand`, for SQL that reads the time from `now()`. */
export const CLOCK = `
  create schema clock;
  create table clock.hand (at timestamptz not null);
  insert into clock.hand values (now());
  create function clock.now() returns timestamptz language sql stable set search_path = '' as 'select at from clock.hand';
  grant usage on schema clock to anon, authenticated, service_role;
  grant select on clock.hand to anon, authenticated, service_role;`;

/** The same SQL with every `now()` reading that clock. Ids and Postgres' own clock go on. */
export const onClock = (sql: string): string => sql.replaceAll(/(?<![\w.])now\(\)/g, 'clock.now()');
