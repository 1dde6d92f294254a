import fc from 'fast-check';

/**
 * Zones with every kind of clock change: none, an hour, half an hour, in winter, at midnight, and rules that are stable:
 * where a country decides anew each year, two time zone databases may differ.
 */
export const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Europe/Dublin',
  'America/New_York',
  'America/St_Johns',
  'America/Santiago',
  'America/Havana',
  'Asia/Kolkata',
  'Asia/Tehran',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Auckland',
  'Pacific/Chatham',
] as const;

const NAMES = {
  month: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  weekday: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
} as const;

const range = (min: number, max: number) =>
  fc
    .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
    .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

function field(min: number, max: number, stepMax: number, name?: (n: number) => string) {
  const number = fc
    .tuple(fc.integer({ min, max }), fc.boolean())
    .map(([n, named]) => (named && name ? name(n) : String(n)));
  const part = fc.oneof(
    { weight: 5, arbitrary: number },
    { weight: 2, arbitrary: range(min, max).map(([a, b]) => `${a}-${b}`) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(range(min, max), fc.integer({ min: 1, max: stepMax }))
        .map(([[a, b], s]) => `${a}-${b}/${s}`),
    },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: stepMax }).map((s) => `*/${s}`) },
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    { weight: 4, arbitrary: part },
    { weight: 1, arbitrary: fc.array(part, { minLength: 2, maxLength: 3 }).map((parts) => parts.join(',')) },
  );
}

/** Cron expressions of five fields, valid ones only; some are never due. */
export const cron: fc.Arbitrary<string> = fc
  .tuple(
    field(0, 59, 60),
    field(0, 23, 24),
    field(1, 31, 31),
    field(1, 12, 12, (n) => NAMES.month[n - 1] ?? ''),
    field(0, 6, 7, (n) => NAMES.weekday[n] ?? ''),
  )
  .map((fields) => fields.join(' '));

/** Moments of 26 years, many of them near a change of clocks somewhere. */
export const moment: fc.Arbitrary<Date> = fc.oneof(
  fc.date({ min: new Date('2008-01-01'), max: new Date('2034-01-01'), noInvalidDate: true }),
  fc
    .tuple(
      fc.constantFrom(
        '2026-03-29T01:00Z', // Berlin, Dublin
        '2026-10-25T01:00Z',
        '2026-03-08T07:00Z', // New York
        '2026-11-01T06:00Z',
        '2026-04-04T15:00Z', // Lord Howe
        '2026-10-03T15:30Z',
        '2026-04-05T03:00Z', // Santiago
        '2026-09-06T04:00Z',
        '2026-09-26T14:00Z', // Auckland
        '2026-03-08T05:00Z', // Havana, at midnight
      ),
      fc.integer({ min: -30 * 3600, max: 30 * 3600 }),
    )
    .map(([at, seconds]) => new Date(Date.parse(at) + seconds * 1000)),
);
