import { EXECUTION_STATUSES, FAILURE_KINDS, JOB_STATUSES } from '../queue/types.ts';

/**
 * Takes secrets out of text before it is printed, summarised or stored. The runner masks too, but only what it was
 * told, only in the log, and a job output that holds masked text is dropped whole.
 */
export interface Redactor {
  /** Hides `secret` in everything from now on. Values shorter than 6 characters, and the words of our own pages, are left alone. */
  add(secret: string): void;
  redact(text: string): string;
  /**
   * The same value with every string in it redacted, keys of objects included. Gives back the shape it got, but for what
   * is nested more than 300 levels deep.
   */
  redactJson<T>(value: T): T;
}

const HIDDEN = '***';
/** What is nested deeper could not be printed either: JSON.stringify recurses. */
const DEEPEST = 300;
const TOO_DEEP = '… nested too deeply to be shown';
const SHORTEST = 6;
/** Encoded pieces shorter than this could be part of any text. */
const SHORTEST_ENCODED = 8;

/**
 * What is a secret by its looks. Each begins where no such pattern can begin inside another, so that the time
 * stays linear in the length of the text.
 */
const PATTERNS: readonly RegExp[] = [
  /sb_secret_[A-Za-z0-9_-]+/g,
  /(?<![A-Za-z0-9])sbp_[A-Za-z0-9]{16,}/g,
  /(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g,
  /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{16,}/g,
  /(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{16,}/g,
];
/** A password in a URL. The text is looked through for the `://`, which is fast, and not for what stands before it. */
const URL_PASSWORD = /:\/\/[^\s/:@]{0,200}:([^\s/]+)@/dg;

/** Every pattern has one of these. Most texts have none, and looking for one is cheaper than for six. */
const MARKS = /sb_secret_|sbp_|eyJ|gh[pousr]_|github_pat_|:\/\//;

/**
 * @param mask called once for each new value that the runner should mask as well: `add` values, and each of their
 *   lines. The door passes a function that prints `::add-mask::`.
 * @param ownWords more words of our pages that are left alone
 */
export function createRedactor(
  mask: (value: string) => void = () => {},
  ownWords: readonly string[] = [],
): Redactor {
  const added = new Set<string>();
  const spared = new Set([...OUR_WORDS, ...ownWords]);
  let forms: readonly string[] = [];

  const add = (secret: string): void => {
    const values = [secret, secret.trim(), ...secret.split(/\r\n|\r|\n/).map((line) => line.trim())];
    const fresh = values.filter((value) => worthHiding(value, spared) && !added.has(value));
    if (fresh.length === 0) return;
    for (const value of new Set(fresh)) {
      added.add(value);
      mask(value);
    }
    forms = [...new Set([...added].flatMap(formsOf))];
  };

  const redact = (text: string): string => hide(text, rangesOf(text, forms));

  const walk = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'string') return redact(value);
    // An account number that was declared a secret, returned as a number.
    if (typeof value === 'number') return added.has(String(value)) ? HIDDEN : value;
    if (value !== null && typeof value === 'object' && depth >= DEEPEST) return TOO_DEEP;
    if (Array.isArray(value)) return value.map((inner) => walk(inner, depth + 1));
    if (value === null || typeof value !== 'object') return value;
    // A key of the name "__proto__" must stay a key.
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [redact(key), walk(inner, depth + 1)]),
    );
  };

  return { add, redact, redactJson: <T>(value: T): T => walk(value) as T };
}

/** Hidden, these would take the sense out of every page and answer, whatever a job calls a secret. */
const OUR_WORDS: ReadonlySet<string> = new Set<string>([
  ...JOB_STATUSES,
  ...EXECUTION_STATUSES,
  ...FAILURE_KINDS,
  'default',
]);

function worthHiding(value: string, spared: ReadonlySet<string>): boolean {
  return value.length >= SHORTEST && !/^\**$/.test(value) && !spared.has(value);
}

/** The ways in which a value may turn up in text: as it is, and as encoders write it. */
function formsOf(value: string): string[] {
  const quoted = JSON.stringify(value).slice(1, -1);
  const uri = encodeURIComponent(value.toWellFormed());
  const bytes = Buffer.from(value, 'utf8');
  const base64 = [0, 1, 2].map((shift) => base64At(bytes, shift));
  return [
    value,
    quoted,
    // A value that was put in JSON twice, as text in a JSON text.
    JSON.stringify(quoted).slice(1, -1),
    uri,
    uri.replaceAll('%20', '+'),
    ...[...base64, ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))].filter(
      (text) => text.length >= SHORTEST_ENCODED,
    ),
  ];
}

/** The base64 characters that depend on `bytes` alone when `shift` unknown bytes stand before them. */
function base64At(bytes: Buffer, shift: number): string {
  const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
  return text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
}

type Range = readonly [start: number, end: number];

function rangesOf(text: string, forms: readonly string[]): Range[] {
  const ranges: Range[] = [];
  for (const form of forms) {
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
      ranges.push([at, at + form.length]);
    }
  }
  for (const pattern of MARKS.test(text) ? PATTERNS : []) {
    for (const match of text.matchAll(pattern)) ranges.push([match.index, match.index + match[0].length]);
  }
  for (const { indices } of text.matchAll(URL_PASSWORD)) if (indices?.[1]) ranges.push(indices[1]);
  return ranges.sort((a, b) => a[0] - b[0]);
}

/** Overlapping ranges are hidden as one: replaced one after the other, the end of the second would stay. */
function hide(text: string, ranges: readonly Range[]): string {
  if (ranges.length === 0) return text;
  let out = '';
  let copied = 0;
  let hiddenTo = -1;
  for (const [start, end] of ranges) {
    if (start > hiddenTo) out += text.slice(copied, start) + HIDDEN;
    hiddenTo = Math.max(hiddenTo, end);
    copied = hiddenTo;
  }
  return out + text.slice(copied);
}
