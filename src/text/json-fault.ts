import type { Json } from '../queue/types.ts';

/** Deeper values cannot be written by everything that has to: JSON.stringify recurses, and so does Postgres. */
const MAX_DEPTH = 200;

/**
 * Why a parsed value could not be kept as it is, or null. Looks through it without recursion, so that no depth is too
 * much for it.
 */
export function jsonFault(value: unknown): string | null {
  const left: [value: unknown, depth: number][] = [[value, 1]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [found, depth] = next;
    if (typeof found === 'number' && !Number.isFinite(found)) {
      return Number.isNaN(found) ? 'holds NaN, which JSON cannot say' : 'holds a number that is too large';
    }
    if (typeof found === 'number' && isRounded(found)) {
      return `holds the number ${found}, which JavaScript cannot keep exactly (beyond ${Number.MAX_SAFE_INTEGER}): write it as text`;
    }
    if (typeof found === 'string') {
      const fault = textFault(found);
      if (fault !== null) return fault;
    }
    if (found === null || typeof found !== 'object') continue;
    if (depth > MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
    for (const [key, inner] of Object.entries(found as Record<string, Json>)) {
      const fault = textFault(key);
      if (fault !== null) return fault;
      left.push([inner, depth + 1]);
    }
  }
  return null;
}

/** Whole numbers that JSON writes digit by digit and that may have been others before they were parsed: ids, mostly. */
function isRounded(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21;
}

/** What Postgres cannot store. */
function textFault(text: string): string | null {
  if (text.includes('\0')) return 'holds a NUL character (\\u0000), which cannot be stored';
  return text.isWellFormed() ? null : 'holds half of a surrogate pair, which cannot be stored';
}
