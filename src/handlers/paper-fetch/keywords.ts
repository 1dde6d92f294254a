/**
 * What to look for: a phrase, or several. A phrase is clean, so it can be put in double quotes. `plain` is the phrase
 * without its accents; null if it has none.
 */
export type KeywordExpression =
  | { readonly kind: 'phrase'; readonly phrase: string; readonly plain: string | null }
  | { readonly kind: 'all' | 'any'; readonly of: readonly KeywordExpression[] };

/** Thrown for keywords that cannot be searched for; the message says which and why. */
export class KeywordError extends Error {
  override readonly name = 'KeywordError';
}

/** The longest phrase, in characters, and the most phrases: together they keep the address under 4,000 bytes. */
export const MAX_PHRASE_LENGTH = 200;
export const MAX_PHRASES = 50;
const MAX_DEPTH = 6;

/**
 * Reads keywords in the forms that a config may have:
 * - `"rag"` or `"rag, agents"`: any of the comma-separated phrases (a JSON list in a string works too);
 * - `["rag", "agents"]`: any of them;
 * - `[["rag", "agents"], ["safety"]]`: AND of OR-lists, as soon as one element is a list;
 * - `{"all": […], "any": […]}`, nested up to six levels.
 * Phrases that differ only in case are one.
 * @throws KeywordError
 */
export function readKeywords(value: unknown): KeywordExpression | null {
  const expression = read(fromText(value), 1);
  if (expression !== null && countPhrases(expression) > MAX_PHRASES) {
    throw new KeywordError(`keywords has more than ${MAX_PHRASES} phrases: split the job into several jobs`);
  }
  return expression;
}

/** Letters that no Unicode form takes apart, as Lucene folds them, which OpenAlex and Europe PMC search with. */
const FOLDED_LETTERS: Readonly<Record<string, string>> = {
  Ł: 'L',
  ł: 'l',
  Ø: 'O',
  ø: 'o',
  Đ: 'D',
  đ: 'd',
  Ð: 'D',
  ð: 'd',
  Ħ: 'H',
  ħ: 'h',
  ı: 'i',
  ß: 'ss',
  ẞ: 'SS',
  Æ: 'AE',
  æ: 'ae',
  Œ: 'OE',
  œ: 'oe',
  Þ: 'TH',
  þ: 'th',
  Ŧ: 'T',
  ŧ: 't',
  Ŋ: 'N',
  ŋ: 'n',
  Ə: 'A',
  ə: 'a',
};

/**
 * A phrase that cannot break out of double quotes or be read as syntax by arXiv, OpenAlex or Europe PMC: it has no
 * quotes, brackets, wildcards, field colons, commas or pipes.
 */
function cleanPhrase(text: string): string {
  return text
    .toWellFormed()
    .normalize('NFKC')
    .replace(/[\u2010-\u2015\u2212]/g, '-')
    .replace(/[\p{C}\p{Z}\s\uFFFD"“”„«»\\()[\]{}<>*?^~:,;|]+/gu, ' ')
    .trim();
}

/** A phrase in ASCII letters, or null if it is that already or accents are not all that makes it differ. */
function plainPhrase(phrase: string): string | null {
  const folded = phrase
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\0-\x7f]/g, (letter) => FOLDED_LETTERS[letter] ?? letter);
  const plain = cleanPhrase(folded);
  return plain === phrase || /[^\0-\x7f]/.test(plain) ? null : plain;
}

/** The expression with phrases in plain letters wherever there are such. */
export function withoutAccents(expression: KeywordExpression): KeywordExpression {
  if (expression.kind !== 'phrase') return { ...expression, of: expression.of.map(withoutAccents) };
  return { ...expression, phrase: expression.plain ?? expression.phrase, plain: null };
}

/**
 * Writes an expression with AND and OR, each phrase through `leaf`. A phrase with accents is looked for without them too:
 * arXiv finds "Fréchet" in a title only by that spelling (JabRef/jabref#16772), and others write Frechet.
 */
export function renderKeywords(expression: KeywordExpression, leaf: (quoted: string) => string): string {
  if (expression.kind === 'phrase') {
    const { phrase, plain } = expression;
    return plain === null ? leaf(`"${phrase}"`) : `(${leaf(`"${phrase}"`)} OR ${leaf(`"${plain}"`)})`;
  }
  const parts = expression.of.map((part) => renderKeywords(part, leaf));
  const joined = parts.join(expression.kind === 'all' ? ' AND ' : ' OR ');
  return parts.length === 1 ? joined : `(${joined})`;
}

function read(value: unknown, depth: number): KeywordExpression | null {
  if (depth > MAX_DEPTH) throw new KeywordError(`keywords is nested deeper than ${MAX_DEPTH} levels`);
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return readPhrase(value);
  if (Array.isArray(value)) {
    const nested = value.some((item) => typeof item === 'object' && item !== null);
    return combine(
      nested ? 'all' : 'any',
      value.map((item) => read(item, depth + 1)),
    );
  }
  if (typeof value === 'object') {
    const unknown = Object.keys(value).filter((key) => key !== 'all' && key !== 'any');
    if (unknown.length > 0) {
      throw new KeywordError(`keywords has the unknown key ${unknown.join(', ')}: use "all" and "any"`);
    }
    return combine('all', [readList(value, 'all', depth), readList(value, 'any', depth)]);
  }
  throw new KeywordError(`keywords must be text or lists of text, but has ${JSON.stringify(value)}`);
}

function readList(value: object, kind: 'all' | 'any', depth: number): KeywordExpression | null {
  const list: unknown = kind in value ? Reflect.get(value, kind) : undefined;
  if (list === undefined || list === null) return null;
  const items: unknown[] = Array.isArray(list) ? list : [list];
  return combine(
    kind,
    items.map((item) => read(item, depth + 1)),
  );
}

function readPhrase(text: string): KeywordExpression | null {
  if (text.trim() === '') return null;
  const phrase = cleanPhrase(text);
  if (!/[\p{L}\p{N}]/u.test(phrase)) {
    throw new KeywordError(`keywords: ${JSON.stringify(text)} has no letter or digit to search for`);
  }
  if (phrase.length > MAX_PHRASE_LENGTH) {
    throw new KeywordError(
      `keywords: "${phrase.slice(0, 40)}…" is longer than ${MAX_PHRASE_LENGTH} characters`,
    );
  }
  return { kind: 'phrase', phrase, plain: plainPhrase(phrase) };
}

function combine(
  kind: 'all' | 'any',
  parts: readonly (KeywordExpression | null)[],
): KeywordExpression | null {
  const distinct = new Map<string, KeywordExpression>();
  for (const part of parts) {
    if (part === null) continue;
    const key = renderKeywords(part, (quoted) => quoted).toLowerCase();
    if (!distinct.has(key)) distinct.set(key, part);
  }
  const [first, ...rest] = [...distinct.values()];
  if (first === undefined) return null;
  return rest.length === 0 ? first : { kind, of: [first, ...rest] };
}

/** Old command lines sent lists as text: `a, b`, `["a","b"]` or Python's `['a','b']`. */
function fromText(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (/^\[.*\]$|^\{.*\}$/s.test(text)) {
    for (const candidate of [text, text.replaceAll("'", '"')]) {
      try {
        return JSON.parse(candidate) as unknown;
      } catch {
        // Not this form; the next one or the error below.
      }
    }
    throw new KeywordError(`keywords looks like a list but is not valid JSON: ${text.slice(0, 80)}`);
  }
  return text.split(',');
}

function countPhrases(expression: KeywordExpression): number {
  if (expression.kind === 'phrase') return 1;
  return expression.of.reduce((sum, part) => sum + countPhrases(part), 0);
}
