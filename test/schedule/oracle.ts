/**
 * An independent reading of cron, minute by minute: no arithmetic on time zones, no jumps to the next match. The
 * database and croner are both compared with it.
 *
 * The rules are those of vixie cron, pg_cron and GitHub: a day field that begins with `*` is not restricted, so the
 * other one decides together with it; if both are restricted, either will do. A fixed time of day (neither minute nor
 * hour holds `*` or `/`) is due once a day; everything else follows the clock on the wall.
 */
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const NAMES = {
  month: ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  weekday: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

/** Whether a number matches one field. */
function matches(field: string, value: number, min: number, max: number, names: string[] = []): boolean {
  const number = (text: string) => (names.includes(text) ? names.indexOf(text) : Number(text));
  return field
    .toLowerCase()
    .split(',')
    .some((part) => {
      const [range = '', step = '1'] = part.split('/');
      const [low, high = low] = range === '*' ? [min, max] : range.split('-').map(number);
      if (low === undefined || high === undefined) return false;
      return value >= low && value <= high && (value - low) % Number(step) === 0;
    });
}

/** Milliseconds by which the clocks of a zone are ahead of UTC. */
function aheadOfUtc(timezone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (at) => {
    const parts = Object.fromEntries(
      format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
    );
    const { year = 0, month = 1, day, hour, minute, second } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  };
}

/** The first `count` occurrences after a moment, in milliseconds; fewer if the schedule has fewer before `end`. */
export function occurrencesByMinute(
  schedule: string,
  timezone: string,
  after: number,
  end: number,
  count: number,
): number[] {
  const [minutes = '', hours = '', days = '', months = '', weekdays = ''] = schedule.split(' ');
  const isFixed = !/[*/]/.test(minutes + hours);
  const isDayMatch = (local: Date): boolean => {
    if (!matches(months, local.getUTCMonth() + 1, 1, 12, NAMES.month)) return false;
    const byDay = matches(days, local.getUTCDate(), 1, 31);
    const weekday = local.getUTCDay();
    const byWeekday = [weekday, weekday + 7].some((n) => matches(weekdays, n, 0, 7, NAMES.weekday));
    return days.startsWith('*') || weekdays.startsWith('*') ? byDay && byWeekday : byDay || byWeekday;
  };
  const isMatch = (local: number): boolean => {
    const at = new Date(local);
    return (
      matches(minutes, at.getUTCMinutes(), 0, 59) && matches(hours, at.getUTCHours(), 0, 23) && isDayMatch(at)
    );
  };

  const ahead = aheadOfUtc(timezone);
  const found: number[] = [];
  // A day earlier, so that it is known which local times have been shown before.
  let at = Math.floor(after / MINUTE) * MINUTE - DAY;
  let shown = at - MINUTE + ahead(at - MINUTE);
  for (; at < end && found.length < count; at += HOUR) {
    // Nothing on this day, the one before it and the one after it: go on with the next.
    if (at > after && ![-1, 0, 1, 2].some((n) => isDayMatch(new Date(at + n * DAY)))) {
      at += DAY - HOUR;
      shown = at + HOUR - MINUTE + ahead(at + HOUR - MINUTE);
      continue;
    }
    const [first, last] = [ahead(at), ahead(at + HOUR - MINUTE)];
    for (let minute = at; minute < at + HOUR; minute += MINUTE) {
      const local = minute + (first === last ? first : ahead(minute));
      let isDue = isMatch(local) && !(isFixed && local <= shown);
      // Clocks were set forward: a fixed time of day that was left out is due now.
      for (let left = shown + MINUTE; isFixed && left < local; left += MINUTE) isDue ||= isMatch(left);
      shown = Math.max(shown, local);
      if (isDue && minute > after && minute < end) found.push(minute);
    }
  }
  return found.slice(0, count);
}
