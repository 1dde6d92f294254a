import { Cron } from 'croner';

/**
 * The next occurrences of a schedule, oldest first. The database computes the same with its own function; this one is
 * for people who look ahead, and for tests that compare the two.
 *
 * Clocks set forward: a fixed time of day that is left out runs when the gap ends; "every ten minutes" goes on after
 * it. Clocks set back: a fixed time of day runs at the first of both; "every ten minutes" runs in both hours.
 * @param schedule five-field cron expression, or a nickname such as `@daily`
 * @param timezone IANA name
 * @param after the database's clock, not this machine's
 * @param count at most so many
 * @throws when the expression or the time zone is not valid, with croner's reason
 */
export function nextOccurrences(schedule: string, timezone: string, after: Date, count: number): Date[] {
  return new Cron(schedule, { timezone, mode: '5-part', fixedTimeRule: 'no-wildcard' }).nextRuns(
    count,
    after,
  );
}
