import { z } from 'zod';
import type { Json } from '../../queue/types.ts';
import { KeywordError, type KeywordExpression, readKeywords } from './keywords.ts';
import { PAPER_SOURCES, type PaperSource } from './paper.ts';

/** The config of a `paper_fetch` job, with every default filled in. */
export interface PaperFetchConfig {
  readonly keywords: KeywordExpression | null;
  /** arXiv categories (`cs.AI`); a paper in any of them matches. Only arXiv knows them. */
  readonly categories: readonly string[];
  /** Days to look back, 1 to 3,650. */
  readonly daysBack: number;
  /** The most papers to take from each source, 1 to 5,000, newest first. */
  readonly maxPapers: number;
  /** False keeps only papers whose primary category is one of `categories`. */
  readonly includeCrossLists: boolean;
  readonly sources: readonly PaperSource[];
  readonly mailto: string | null;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: PaperFetchConfig }
  /** `message` says what is wrong, which key it is, and what to write instead. */
  | { readonly ok: false; readonly message: string };

const EXAMPLE = '{"keywords": ["retrieval augmented generation"], "categories": ["cs.CL"], "days_back": 7}';

/** Groups of categories: no paper is listed under one of these itself, so a query for it finds nothing. */
const GROUPS = new Set(['cs', 'econ', 'eess', 'math', 'nlin', 'physics', 'q-bio', 'q-fin', 'stat']);
/** Only these two write their subject classes in lower case (`cond-mat.mes-hall`, `physics.flu-dyn`). */
const LOWER_CASE_SUBJECTS = new Set(['cond-mat', 'physics']);

/** Old clients stored numbers as text. */
const wholeNumber = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value),
    z
      .number({ error: `must be a whole number from ${min} to ${max}` })
      .int(`must be a whole number from ${min} to ${max}`)
      .min(min, `must be at least ${min}`)
      .max(max, `must be at most ${max}`),
  );

const yesOrNo = z.preprocess(
  (value) => {
    const text = typeof value === 'string' ? value.trim().toLowerCase() : value;
    return text === 'true' ? true : text === 'false' ? false : value;
  },
  z.boolean({ error: 'must be true or false' }),
);

/** A list that may be written as one text with commas. */
const textList = z.preprocess(
  (value) => (typeof value === 'string' ? value.replace(/[[\]'"]/g, '').split(',') : value),
  z
    .array(z.string({ error: 'must be a list of text' }), { error: 'must be a list of text' })
    .transform((items) => items.map((item) => item.trim()).filter((item) => item !== '')),
);

const keywords = z.unknown().transform((value, context): KeywordExpression | null => {
  try {
    return readKeywords(value);
  } catch (error) {
    if (!(error instanceof KeywordError)) throw error;
    context.addIssue({ code: 'custom', message: error.message.replace(/^keywords:? /, '') });
    return z.NEVER;
  }
});

const categories = textList.transform((items, context): string[] => {
  const known = new Set<string>();
  for (const item of items) {
    const category = canonicalCategory(item);
    if (category === null) {
      context.addIssue({
        code: 'custom',
        message: GROUPS.has(item.toLowerCase())
          ? `"${item}" is a group of categories: name its categories, such as cs.AI, math.CO or physics.optics`
          : `"${item}" is not an arXiv category such as cs.AI, hep-th or cond-mat.mes-hall`,
      });
    } else known.add(category);
  }
  return [...known];
});

const sources = textList
  .transform((items) => [...new Set(items.map((item) => item.toLowerCase()))])
  .pipe(
    z
      .array(z.enum(PAPER_SOURCES, { error: `must be some of ${PAPER_SOURCES.join(', ')}` }))
      .min(1, 'must name at least one source'),
  );

/** The config as a job carries it. */
export const schema = z
  .strictObject({
    keywords: keywords.optional(),
    categories: categories.default([]),
    days_back: wholeNumber(1, 3650).default(7),
    max_papers: wholeNumber(1, 5000).default(100),
    include_cross_lists: yesOrNo.default(true),
    sources: sources.default(['arxiv']),
    // It is sent in a header, so only a plain address is taken.
    mailto: z.email('must be an e-mail address').max(254).nullish(),
  })
  .superRefine((config, context) => {
    const problem = combinedProblem(config.keywords ?? null, config);
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
  });

/** Reads the config of a job. Never throws: the answer says what is wrong, on one line. */
export function parsePaperFetchConfig(config: Json): ConfigResult {
  const given = config ?? {};
  if (typeof given === 'object' && !Array.isArray(given) && 'config_path' in given) {
    return refuse(
      `config_path is no longer read, jobs carry their own config. Put what the file held into the job, e.g. ${EXAMPLE}`,
    );
  }
  const parsed = schema.safeParse(given);
  if (!parsed.success) return refuse(parsed.error.issues.map(describeIssue).join('; '));
  const value = parsed.data;
  return {
    ok: true,
    config: {
      keywords: value.keywords ?? null,
      categories: value.categories,
      daysBack: value.days_back,
      maxPapers: value.max_papers,
      includeCrossLists: value.include_cross_lists,
      sources: value.sources,
      mailto: value.mailto ?? null,
    },
  };
}

function combinedProblem(
  expression: KeywordExpression | null,
  config: {
    readonly categories: readonly string[];
    readonly include_cross_lists: boolean;
    readonly sources: readonly PaperSource[];
  },
): string | null {
  if (expression === null && config.categories.length === 0) {
    return `keywords or categories: at least one must be given, e.g. ${EXAMPLE}`;
  }
  if (!config.include_cross_lists && config.categories.length === 0) {
    return 'include_cross_lists: false needs categories: name those that a paper must be primary in';
  }
  const elsewhere = config.sources.filter((source) => source !== 'arxiv');
  if (expression === null && elsewhere.length > 0) {
    return `sources: ${elsewhere.join(' and ')} can only be searched by keywords (categories are arXiv's): add keywords`;
  }
  return null;
}

function canonicalCategory(text: string): string | null {
  const match = /^([a-z][a-z-]*)(?:\.([a-z][a-z-]*))?$/i.exec(text);
  const archive = match?.[1]?.toLowerCase();
  if (archive === undefined) return null;
  const subject = match?.[2];
  if (subject === undefined) return GROUPS.has(archive) ? null : archive;
  const cased = LOWER_CASE_SUBJECTS.has(archive) ? subject.toLowerCase() : subject.toUpperCase();
  return `${archive}.${cased}`;
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape).join(', ');
    return `unknown key ${issue.keys.map((key) => `"${key}"`).join(', ')} (known are: ${known})`;
  }
  const path = issue.path.join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

function refuse(message: string): ConfigResult {
  return { ok: false, message: `The config of this paper_fetch job is not usable: ${message}` };
}
