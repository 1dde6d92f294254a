import { Cron } from 'croner';

/**
 * The next time that a schedule is due.
 * @param schedule five-field cron expression, or a nickname such as `@daily`
 * @param timezone IANA name
 * @param after the database's clock, not this machine's
 * @returns null when the schedule has no occurrence after that moment
 * @throws when the expression or the time zone is not valid, with croner's reason
 */
export function nextOccurrence(schedule: string, timezone: string, after: Date): Date | null {
  return new Cron(schedule, { timezone, mode: '5-part' }).nextRun(after);
}
