import { Cron } from 'croner';

/**
 * Whether either of the two day fields will do, because both are restricted. A field that begins with `*` is not
 * restricted, as in vixie cron, pg_cron and GitHub; then both must match.
 */
export function isEitherDay(schedule: string): boolean {
  const [, , day = '*', , weekday = '*'] = schedule.trim().split(/\s+/);
  return !day.startsWith('*') && !weekday.startsWith('*');
}

/**
 * The next occurrences of a schedule, oldest first. The database computes what is stored; this is for previews.
 *
 * A fixed time of day that clocks skip is due when the gap ends; one that they show twice is due at the first of both.
 * @param schedule five-field cron expression, or a nickname such as `@daily`
 * @param timezone IANA name
 * @param after the database's clock, not this machine's
 * @throws when the expression or the time zone is not valid, with croner's reason
 */
export function nextOccurrences(schedule: string, timezone: string, after: Date, count: number): Date[] {
  const domAndDow = !isEitherDay(schedule);
  const cron = new Cron(schedule, { timezone, mode: '5-part', fixedTimeRule: 'no-wildcard', domAndDow });
  return cron.nextRuns(count, after);
}
