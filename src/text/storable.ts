import type { Json } from '../queue/types.ts';

/**
 * What Postgres cannot store: a NUL character and half a surrogate pair are legal in a JavaScript string and an error
 * in text and jsonb, where one such string would fail the whole batch of finished jobs.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** The same, deep, in keys too. */
export function storableJson(value: Json): Json {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(storableJson);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [storableText(key), storableJson(inner)]),
  );
}

export const byteLength = (text: string): number => Buffer.byteLength(text, 'utf8');

/** At most `bytes` of UTF-8, cut at the end and marked. Whole characters only. */
export function keepStart(text: string, bytes: number): string {
  if (byteLength(text) <= bytes) return text;
  const mark = `\n… cut: ${byteLength(text)} bytes in all`;
  const kept = Buffer.from(text, 'utf8').subarray(0, Math.max(0, bytes - byteLength(mark)));
  return new TextDecoder('utf-8').decode(kept, { stream: true }) + mark;
}

/** The same for every text in a value. */
export function keepStarts(value: Json, bytes: number): Json {
  if (typeof value === 'string') return keepStart(value, bytes);
  if (Array.isArray(value)) return value.map((inner) => keepStarts(inner, bytes));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, keepStarts(inner, bytes)]));
}
