import { z } from 'zod';

/** When a job becomes due: after a time span by the database's clock, or at an instant. */
export type RunAt = { readonly delaySeconds: number } | { readonly instant: string };

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
/** What the database takes as a delay: ten years. */
const LONGEST = 315_576_000;
const LONGEST_RETRY_DELAY = 31_536_000;
const SPAN = /^(?:in\s+|\+)?((?:\d+(?:\.\d+)?\s*[a-z]+[\s,]*)+)$/i;
const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/gi;
const UNIT = /^(?:(s)(?:ec(?:ond)?s?)?|(m)(?:in(?:ute)?s?)?|(h)(?:(?:ou)?rs?)?|(d)(?:ays?)?|(w)(?:eeks?)?)$/i;
const ISO = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|[+-]\d{2}(?::?\d{2})?)?$/i;
const HOW =
  'write a time with its zone (2026-03-01T08:00:00Z, 2026-03-01T09:00:00+01:00) or a time span (90m, in 2h30m)';

/** `now`, a time span (`90m`, `in 2h 30m`, `1 day`), or an instant in ISO 8601 with its zone. */
export const runAtSchema = () =>
  z.string().transform((text, context): RunAt => {
    const fail = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const given = text.trim();
    if (/^now$/i.test(given)) return { delaySeconds: 0 };
    const span = SPAN.exec(given)?.[1];
    if (span !== undefined) {
      const seconds = spanSeconds(span);
      if (seconds === null) return fail(`has a unit that is not one of s, m, h, d, w: ${HOW}`);
      if (seconds > LONGEST) return fail('is more than ten years away');
      return { delaySeconds: seconds };
    }
    const iso = ISO.exec(given);
    if (iso === null) return fail(`is neither a time nor a time span: ${HOW}`);
    const [, day = '', time, zone] = iso;
    if (zone === undefined || time === undefined) {
      return fail(
        `has no ${time === undefined ? 'time' : 'time zone'}, so it could mean many instants: ${HOW}`,
      );
    }
    const offset = /^[+-]\d{2}$/.test(zone) ? `${zone}:00` : zone.replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
    const instant = new Date(`${day}T${time}${offset.toUpperCase()}`);
    // Date rolls the 31st of a short month over into the next one.
    const exists = new Date(`${day}T00:00:00Z`);
    if (
      Number.isNaN(instant.getTime()) ||
      Number.isNaN(exists.getTime()) ||
      !exists.toISOString().startsWith(day)
    ) {
      return fail(`is not a day and time that exists: ${HOW}`);
    }
    return { instant: instant.toISOString() };
  });

/** An instant in ISO 8601 with its zone. */
export const instantSchema = () =>
  runAtSchema().transform((at, context): string => {
    if ('instant' in at) return at.instant;
    context.addIssue({
      code: 'custom',
      message: 'must be a time with its zone, such as 2026-03-01T08:00:00Z',
    });
    return z.NEVER;
  });

/** A time span in whole seconds: `90m`, `2h 30m`, `1 day`. */
export const spanSchema = () =>
  runAtSchema().transform((at, context): number => {
    if ('delaySeconds' in at && at.delaySeconds >= 1) return at.delaySeconds;
    context.addIssue({
      code: 'custom',
      message: 'must be a time span of at least 1 s, such as 90m or 2h 30m',
    });
    return z.NEVER;
  });

/** A time span of up to a year, which may be 0 s. */
export const retryDelaySchema = () =>
  runAtSchema().transform((at, context): number => {
    if ('delaySeconds' in at && at.delaySeconds <= LONGEST_RETRY_DELAY) return at.delaySeconds;
    context.addIssue({ code: 'custom', message: 'must be a time span of at most a year, such as 30s or 5m' });
    return z.NEVER;
  });

function spanSeconds(span: string): number | null {
  let seconds = 0;
  for (const [, amount = '', unit = ''] of span.matchAll(PART)) {
    const letter = UNIT.exec(unit)
      ?.slice(1)
      .find((group) => group !== undefined);
    const length = UNITS[letter?.toLowerCase() ?? ''];
    if (length === undefined) return null;
    seconds += Number(amount) * length;
  }
  return Math.round(seconds);
}
