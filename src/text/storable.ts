/**
 * Text that Postgres can store. NUL characters and unpaired surrogates are legal in a JavaScript string and an error
 * in text and jsonb, and one such string would refuse a whole batch of finished jobs.
 */
import type { Json } from '../queue/types.ts';

/** Replaces what Postgres cannot store with U+FFFD. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** Does the same in every text of a value, keys included. */
export function storableJson(value: Json): Json {
  return mapTexts(value, storableText, storableText);
}

export const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8');

/** Cuts text to `bytes` of UTF-8, in whole characters, and says at the end that it was cut. */
export function keepStart(text: string, bytes: number): string {
  if (byteLength(text) <= bytes) return text;
  const mark = `\n… cut: ${byteLength(text)} bytes in all`;
  const kept = Buffer.from(text, 'utf8').subarray(0, Math.max(0, bytes - byteLength(mark)));
  return new TextDecoder('utf-8').decode(kept, { stream: true }) + mark;
}

/** Does the same to every text of a value; keys stay whole. */
export function keepStarts(value: Json, bytes: number): Json {
  return mapTexts(
    value,
    (text) => keepStart(text, bytes),
    (key) => key,
  );
}

function mapTexts(value: Json, text: (text: string) => string, key: (key: string) => string): Json {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return value.map((inner) => mapTexts(inner, text, key));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [key(name), mapTexts(inner, text, key)]),
  );
}
