/**
 * Takes secrets out of text before it is printed, summarised or stored. The runner masks too, but only the values it
 * was given and only in the log; a job output that holds a masked value is dropped whole.
 */
import { EXECUTION_STATUSES, FAILURE_KINDS, JOB_STATUSES } from '../queue/types.ts';
import { type Range, SecretFinder, SHORTEST_FORM } from './secret-finder.ts';

export interface Redactor {
  /**
   * Hides `secret` from now on, each of its lines too. Leaves values under 6 characters and our own words alone.
   * Returns false if the value, or all values together, are too long to be hidden.
   */
  add(secret: string): boolean;
  redact(text: string): string;
  /** Redacts every string of a value, keys included, and keeps its shape down to 300 levels. */
  redactJson<T>(value: T): T;
}

/** The most characters of one secret, and of all secrets of a run. */
export const SECRET_LIMIT = 1_048_576;
export const SECRETS_LIMIT = 8_388_608;

const HIDDEN = '***';
/** Deeper values could not be printed either: JSON.stringify recurses. */
const DEEPEST = 300;
const TOO_DEEP = '… nested too deeply to be shown';
/** Shorter pieces of base64 could be part of any text. */
const SHORTEST_ENCODED = 8;

/**
 * What looks like a secret. No pattern can begin inside a match of itself, so the time is linear in the length of the
 * text.
 */
const PATTERNS: readonly RegExp[] = [
  /sb_secret_[A-Za-z0-9_-]+/g,
  /(?<![A-Za-z0-9])sbp_[A-Za-z0-9]{16,}/g,
  /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g,
  /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{16,}/g,
  /(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{16,}/g,
];
/** A password in a URL. The search is for `://`, which is fast, not for what stands before it. */
const URL_PASSWORD = /:\/\/[^\s/:@]{0,200}:([^\s/]+)@/dg;
/** Every match of a pattern holds one of these. Most texts have none, so that six searches become one. */
const MARKS = /sb_secret_|sbp_|eyJ|gh[pousr]_|github_pat_|:\/\//;

/** Words of our pages, which a job may call a secret. Hidden, they would make every page meaningless. */
const OUR_WORDS: readonly string[] = [...JOB_STATUSES, ...EXECUTION_STATUSES, ...FAILURE_KINDS, 'default'];

/**
 * @param mask is called once for each new value that the runner should mask: values given to `add`, and their lines
 * @param ownWords more words of our pages
 */
export function createRedactor(
  mask: (value: string) => void = () => {},
  ownWords: readonly string[] = [],
): Redactor {
  const added = new Set<string>();
  const finder = new SecretFinder();
  const spared = new Set([...OUR_WORDS, ...ownWords]);
  let room = SECRETS_LIMIT;

  const add = (secret: string): boolean => {
    if (secret.length > SECRET_LIMIT) return false;
    const values = [secret, secret.trim(), ...secret.split(/\r\n|\r|\n/).map((line) => line.trim())];
    for (const value of values) {
      if (added.has(value) || spared.has(value) || !isWorthHiding(value)) continue;
      room -= value.length;
      if (room < 0) return false;
      added.add(value);
      mask(value);
      for (const form of formsOf(value)) finder.add(form);
    }
    return true;
  };

  const redact = (text: string): string => hide(text, [...finder.find(text), ...suspects(text)]);

  const walk = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'string') return redact(value);
    // An account number may be declared a secret and returned as a number.
    if (typeof value === 'number') return added.has(String(value)) ? HIDDEN : value;
    if (value !== null && typeof value === 'object' && depth >= DEEPEST) return TOO_DEEP;
    if (Array.isArray(value)) return value.map((inner) => walk(inner, depth + 1));
    if (value === null || typeof value !== 'object') return value;
    // fromEntries keeps a key named "__proto__" a key.
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [redact(key), walk(inner, depth + 1)]),
    );
  };

  return { add, redact, redactJson: <T>(value: T): T => walk(value) as T };
}

const isWorthHiding = (value: string): boolean => value.length >= SHORTEST_FORM && !/^\**$/.test(value);

/** The forms in which a value may turn up in text: as it is, and as encoders write it. */
function formsOf(value: string): ReadonlySet<string> {
  const quoted = JSON.stringify(value).slice(1, -1);
  const uri = encodeURIComponent(value.toWellFormed());
  const bytes = Buffer.from(value, 'utf8');
  const base64 = [0, 1, 2].map((shift) => base64At(bytes, shift));
  return new Set([
    value,
    quoted,
    // JSON inside of a JSON text.
    JSON.stringify(quoted).slice(1, -1),
    uri,
    uri.replaceAll('%20', '+'),
    ...[...base64, ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))].filter(
      (text) => text.length >= SHORTEST_ENCODED,
    ),
  ]);
}

/** The base64 characters that depend only on `bytes` if `shift` unknown bytes stand before them. */
function base64At(bytes: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
  return text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
}

function suspects(text: string): Range[] {
  if (!MARKS.test(text)) return [];
  const ranges: Range[] = [];
  for (const pattern of PATTERNS) {
    for (const match of text.matchAll(pattern)) ranges.push([match.index, match.index + match[0].length]);
  }
  for (const { indices } of text.matchAll(URL_PASSWORD)) if (indices?.[1]) ranges.push(indices[1]);
  return ranges;
}

/** Hides overlapping ranges as one: replaced one after the other, the end of the second would stay visible. */
function hide(text: string, ranges: readonly Range[]): string {
  if (ranges.length === 0) return text;
  let out = '';
  let copied = 0;
  let hiddenTo = -1;
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (start > hiddenTo) out += text.slice(copied, start) + HIDDEN;
    hiddenTo = Math.max(hiddenTo, end);
    copied = hiddenTo;
  }
  return out + text.slice(copied);
}
