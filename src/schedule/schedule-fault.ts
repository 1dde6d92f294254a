import { nextOccurrences } from './next-occurrence.ts';

export interface ScheduleFault {
  readonly part: 'schedule' | 'timezone';
  /** Begins in the middle of a sentence: "it ...". */
  readonly reason: string;
}

const NICKNAMES = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

/**
 * What is wrong with a schedule, told before anything is sent. The database checks again, for those who write SQL.
 * @param schedule what the user wrote
 * @param timezone IANA name
 * @returns nothing where both can be used
 */
export function scheduleFaults(schedule: string, timezone: string): ScheduleFault[] {
  const zone: ScheduleFault[] = isZone(timezone)
    ? []
    : [
        {
          part: 'timezone',
          reason: 'it is not a time zone. Write an IANA name, such as Europe/Berlin or UTC',
        },
      ];
  // Whether an expression is due at all does not depend on the zone.
  const expression = expressionFault(schedule, zone.length === 0 ? timezone : 'UTC');
  return expression === null ? zone : [expression, ...zone];
}

function expressionFault(schedule: string, timezone: string): ScheduleFault | null {
  const wrong = (reason: string): ScheduleFault => ({ part: 'schedule', reason });
  const text = schedule.trim();
  if (text.startsWith('@')) {
    return NICKNAMES.includes(text.toLowerCase())
      ? null
      : wrong(`it is not a nickname. The nicknames are ${NICKNAMES.join(', ')}`);
  }
  const fields = text.split(/\s+/);
  if (fields.length !== 5) {
    return wrong(
      `it has ${fields.length} field${fields.length === 1 ? '' : 's'} and not 5. Write minute, hour, day of month, month and day of week, such as "30 6 * * 1-5"`,
    );
  }
  // Letters that croner reads beyond the five-field standard, and that the database does not.
  const extra = fields.findIndex((field, index) =>
    (index === 2 || index === 4 ? /[lw#+?]/i : /[?]/).test(withoutNames(field)),
  );
  if (extra !== -1) {
    return wrong(`its field "${fields[extra]}" cannot be read. L, W, #, + and ? are not used here`);
  }
  try {
    const [next] = nextOccurrences(text, timezone, new Date(), 1);
    return next ? null : wrong('it is never due: no such day comes in the next years');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return wrong(`it is not valid: ${reason.replace(/^CronPattern: /, '')}`);
  }
}

const NAMES = /(sun|mon|tue|wed|thu|fri|sat|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/gi;
const withoutNames = (field: string): string => field.replace(NAMES, '');

function isZone(name: string): boolean {
  // Intl takes offsets too, which have no rules for daylight saving time, and the database does not know them.
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
