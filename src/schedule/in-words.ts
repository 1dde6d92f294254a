import cronstrue from 'cronstrue';
import { isEitherDay } from './next-occurrence.ts';

/**
 * A schedule as people say it: `At 03:30, Monday through Friday (Europe/Berlin)`.
 * @returns the expression itself if it cannot be put into words
 */
export function scheduleInWords(schedule: string, timezone: string | null): string {
  const zone = timezone ?? 'UTC';
  const expression = schedule.trim().toLowerCase();
  try {
    return `${isEitherDay(expression) ? eitherInWords(expression) : inWords(expression)} (${zone})`;
  } catch {
    // cronstrue throws strings. A schedule in the database is valid, so this is one that cronstrue has no words for.
    return `${schedule} (${zone})`;
  }
}

const inWords = (expression: string): string =>
  cronstrue.toString(expression, { use24HourTimeFormat: true, logicalAndDayFields: true });

/** cronstrue has no "or" for two restricted day fields, so each field is put into words by itself. */
function eitherInWords(expression: string): string {
  const [minute, hour, day, month, weekday] = expression.split(/\s+/);
  const part = (fields: string) => inWords(`* * ${fields}`).replace('Every minute, ', '');
  const weekdays = part(`* * ${weekday}`).replace(/^only /, '');
  const months = month === '*' ? '' : `, ${part(`* ${month} *`)}`;
  return `${inWords(`${minute} ${hour} * * *`)}, ${part(`${day} * *`)}, or ${weekdays}${months}`;
}
