import type { Json } from '../queue/types.ts';

/**
 * The bytes that a value has as Postgres writes it (`jsonb::text`), which is how the database measures it: as
 * JSON.stringify, with a space after each comma and colon, and with numbers written out. No depth is too much for it.
 */
export function jsonbBytes(value: Json): number {
  const left: Json[] = [value];
  let bytes = 0;
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next === 'number') bytes += digitsOf(next);
    else if (next === null || typeof next !== 'object') bytes += Buffer.byteLength(JSON.stringify(next));
    else if (Array.isArray(next)) {
      bytes += 2 + Math.max(0, next.length - 1) * 2;
      for (const item of next) left.push(item);
    } else {
      const keys = Object.keys(next);
      bytes += 2 + keys.length * 2 + Math.max(0, keys.length - 1) * 2;
      for (const key of keys) {
        bytes += Buffer.byteLength(JSON.stringify(key));
        left.push(next[key] ?? null);
      }
    }
  }
  return bytes;
}

/** The characters of a number without an exponent: Postgres writes 1e21 with 22 digits and 1e-7 with 7 decimals. */
function digitsOf(value: number): number {
  const text = JSON.stringify(value);
  const [, sign = '', digits = '', fraction = '', exponent] =
    /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? [];
  if (exponent === undefined) return text.length;
  const shift = Number(exponent);
  if (shift < 0) return sign.length + 2 - shift - 1 + digits.length + fraction.length;
  const decimals = Math.max(0, fraction.length - shift);
  return sign.length + digits.length + Math.max(fraction.length, shift) + (decimals > 0 ? 1 : 0);
}
