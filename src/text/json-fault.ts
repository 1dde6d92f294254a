import type { Json } from '../queue/types.ts';

/** Deeper values cannot be written by everything that has to: JSON.stringify recurses, and so does Postgres. */
export const MAX_DEPTH = 200;

/** Whether a value is nested more than 200 levels deep. No depth is too much for this function. */
export function isTooDeep(value: unknown): boolean {
  const left: [value: unknown, depth: number][] = [[value, 1]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [found, depth] = next;
    if (found === null || typeof found !== 'object') continue;
    if (depth > MAX_DEPTH) return true;
    for (const inner of Object.values(found)) left.push([inner, depth + 1]);
  }
  return false;
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

/**
 * Why JSON text could not be kept as it is: as `jsonFault`, and numbers of any length that JavaScript would round.
 * @throws SyntaxError if it is no JSON
 */
export function jsonTextFault(text: string): string | null {
  // First without a reviver, which recurses.
  return (
    jsonFault(JSON.parse(text)) ??
    jsonFault(
      parse(text, (_, value, { source = '' }) =>
        typeof value === 'number' && isRoundedBy(source, value) ? BigInt(Math.trunc(value)) : value,
      ),
    )
  );
}

/** Whether a number beyond 2^53 was written with other digits than those that it is kept with. */
function isRoundedBy(source: string, value: number): boolean {
  return Math.abs(value) > Number.MAX_SAFE_INTEGER && digitsOf(source) !== digitsOf(String(value));
}

/** The digits of a number without its sign, its point, its exponent and the zeros around it. */
const digitsOf = (number: string): string =>
  number
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '');

/**
 * Why a parsed value could not be kept as it is, to be read after the name of the value, or null. The path of the
 * fault is part of it. No depth is too much for this function.
 */
export function jsonFault(value: unknown): string | null {
  const left: [value: unknown, depth: number, path: string][] = [[value, 1, '']];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [found, depth, path] = next;
    const fault = valueFault(found);
    if (fault !== null) return `holds ${fault.what}${path === '' ? '' : ` at ${path}`}${fault.why}`;
    if (found === null || typeof found !== 'object') continue;
    if (depth > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
    for (const [key, inner] of Object.entries(found as Record<string, Json>)) {
      const fault = textFault(key);
      if (fault !== null) return `holds ${fault.what} in a key${fault.why}`;
      left.push([inner, depth + 1, pathOf(path, key, Array.isArray(found))]);
    }
  }
  return null;
}

function pathOf(path: string, key: string, isIndex: boolean): string {
  if (isIndex) return `${path}[${key}]`;
  return path === '' ? key.slice(0, 100) : `${path}.${key.slice(0, 100)}`;
}

interface Fault {
  readonly what: string;
  readonly why: string;
}

function valueFault(value: unknown): Fault | null {
  if (typeof value === 'string') return textFault(value);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? null : rounded(value);
  if (typeof value !== 'number') return null;
  if (Number.isNaN(value)) return { what: 'NaN', why: ', which JSON cannot express' };
  if (!Number.isFinite(value)) return { what: 'a number that is too large', why: '' };
  return isRounded(value) ? rounded(value) : null;
}

function rounded(value: number | bigint): Fault {
  const why = `, which JavaScript cannot keep exactly (beyond ${Number.MAX_SAFE_INTEGER}): write it as text`;
  return { what: `the number ${String(value).slice(0, 100)}`, why };
}

/** Whole numbers that JSON writes digit by digit and that may have been others before they were parsed: ids, mostly. */
function isRounded(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21;
}

/** What Postgres cannot store. */
function textFault(text: string): Fault | null {
  const why = ', which cannot be stored';
  if (text.includes('\0')) return { what: 'a NUL character (\\u0000)', why };
  return text.isWellFormed() ? null : { what: 'half of a surrogate pair', why };
}
