import { messageOf } from '../text/describe-error.ts';
import { nextOccurrences } from './next-occurrence.ts';

export interface ScheduleFault {
  readonly part: 'schedule' | 'timezone';
  /** The rest of a sentence that begins with the value: "it ...". */
  readonly reason: string;
}

const NICKNAMES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

/**
 * What is wrong with a schedule and its time zone, found before anything is sent. The database checks again.
 * @returns nothing if both can be used
 */
export function scheduleFaults(schedule: string, timezone: string): ScheduleFault[] {
  const isZone = isTimezone(timezone);
  // Whether an expression is ever due does not depend on the time zone.
  const reason = expressionFault(schedule.trim(), isZone ? timezone : 'UTC');
  const faults: ScheduleFault[] = reason === null ? [] : [{ part: 'schedule', reason }];
  if (!isZone) {
    faults.push({
      part: 'timezone',
      reason: 'it is not a time zone. Write an IANA name, such as Europe/Berlin or UTC',
    });
  }
  return faults;
}

function expressionFault(expression: string, timezone: string): string | null {
  if (expression.startsWith('@')) {
    if (NICKNAMES.includes(expression.toLowerCase())) return null;
    return `it is not a nickname. The nicknames are ${NICKNAMES.join(', ')}`;
  }
  const fields = expression.split(/\s+/);
  if (fields.length !== 5) {
    return `it has ${fields.length} field${fields.length === 1 ? '' : 's'} and not 5. Write minute, hour, day of month, month and day of week, such as "30 6 * * 1-5"`;
  }
  const extra = fields.find((field) => /[lw#+?]/i.test(withoutNames(field)));
  if (extra !== undefined) return `its field "${extra}" cannot be read. L, W, #, + and ? are not used here`;
  try {
    const [next] = nextOccurrences(expression, timezone, new Date(), 1);
    return next ? null : 'it is never due: no such day comes in the next years';
  } catch (error) {
    const reason = messageOf(error);
    return `it is not valid: ${reason.replace(/^CronPattern: /, '')}`;
  }
}

const NAMES = /(sun|mon|tue|wed|thu|fri|sat|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/gi;
const withoutNames = (field: string): string => field.replace(NAMES, '');

const AREA_AND_PLACE = /^(?!posix\/|right\/)[a-z]+(\/[a-z_-]+){1,2}$/i;
const HOURS_FROM_UTC = /^Etc\/GMT(0|[+-]0|\+([1-9]|1[0-2])|-([1-9]|1[0-4]))$/i;
const ONE_WORD =
  /^(UTC|GMT|UCT|Zulu|Universal|Greenwich|Cuba|Egypt|Eire|GB|GB-Eire|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|NZ|NZ-CHAT|Navajo|PRC|Poland|Portugal|ROC|ROK|Singapore|Turkey|W-SU)$/i;

/**
 * Whether this is the IANA name of a time zone. Names that look like an abbreviation or a rule (`CET`, `EST5EDT`) are
 * not taken: Postgres reads them as something else. `cloud_jobs_is_timezone` has the same rules.
 */
export function isTimezone(name: string): boolean {
  if (![AREA_AND_PLACE, HOURS_FROM_UTC, ONE_WORD].some((form) => form.test(name))) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
