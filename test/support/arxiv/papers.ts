/** A paper as the stand-in for arXiv knows it. All of it is invented. */
export interface InventedPaper {
  /** With version, as in a feed: `2611.01234v1`. */
  readonly versionedId: string;
  readonly title: string;
  readonly summary: string;
  readonly authors: readonly string[];
  /** The first one is the primary category. */
  readonly categories: readonly string[];
  readonly published: Date;
  readonly updated: Date;
  readonly comment?: string;
  readonly journalRef?: string;
  readonly doi?: string;
}

const METHODS = [
  'Retrieval-Augmented Planning',
  'Sparse Attention Routing',
  'Curriculum Distillation',
  'Contrastive Program Repair',
  'Uncertainty-Aware Decoding',
  'Tool-Using Language Agents',
  'Streaming Index Compression',
  'Self-Correcting Reasoners',
  'Graph-Guided Summarisation',
  'Federated Preference Learning',
] as const;
const TASKS = [
  'Long Documents',
  'Multi-Agent Systems',
  'Low-Resource Translation',
  'Scientific Question Answering',
  'Household Robotics',
  'Code Review',
  'Medical Image Triage',
  'Weather Nowcasting',
  'Conversational Search',
] as const;
const FORMS = [
  (method: string, task: string) => `${method} for ${task}`,
  (method: string, task: string) => `How Far Does ${method} Go? A Study on ${task}`,
  (method: string, task: string) => `${task} without Tears: Simple ${method} at Scale`,
  (method: string, task: string) => `When ${method} Fails: Lessons from ${task} & Beyond`,
] as const;
const GIVEN = [
  'Mirela',
  'Oskar',
  'Yuki',
  'Adaeze',
  'Tomás',
  'Ingrid',
  'Rohan',
  'Léa',
  'Wen',
  'Farida',
] as const;
const FAMILY = [
  'Brandvold',
  'Okonjo',
  'Taniwaki',
  'Šimečková',
  'Del Prado',
  'Aaltorinne',
  'Qureshani',
  'Liangmu',
] as const;
const CATEGORIES = [
  ['cs.AI', 'cs.LG'],
  ['cs.CL', 'cs.AI', 'cs.IR'],
  ['cs.LG', 'stat.ML'],
  ['cs.CV'],
  ['cs.IR', 'cs.CL'],
  ['cs.SE', 'cs.AI', 'I.2.6'],
] as const;

const MINUTE_MS = 60_000;

/**
 * `count` invented papers, the newest first, spread evenly over the `days` days before `now`. The same arguments give
 * the same papers.
 */
export function inventPapers(count: number, now: Date, days = 6): InventedPaper[] {
  return Array.from({ length: count }, (_, index) => inventPaper(index, count, now, days));
}

function inventPaper(index: number, count: number, now: Date, days: number): InventedPaper {
  const stepMs = (days * 86_400_000) / Math.max(count, 1);
  const published = wholeMinute(now.getTime() - 30 * MINUTE_MS - index * stepMs);
  const version = index % 11 === 5 ? 2 : 1;
  const authorCount = 1 + (index % 5);
  const title = pick(FORMS, index)(pick(METHODS, index * 3), pick(TASKS, index * 7));
  return {
    versionedId: `${monthOf(published)}.${String(count - index + 1000).padStart(5, '0')}v${version}`,
    title,
    summary: `  We study ${pick(TASKS, index * 7).toLowerCase()} and present a method in the line of ${pick(METHODS, index * 3).toLowerCase()}.
It needs no labels beyond those at hand, keeps latency under 50 ms & beats the best earlier system on ${3 + (index % 6)} of 9
test sets (p < 0.05). Code and data number ${index + 1} are invented, like everything on this page.
`,
    authors: Array.from(
      { length: authorCount },
      (_, author) => `${pick(GIVEN, index + author * 3)} ${pick(FAMILY, index * 5 + author)}`,
    ),
    categories: pick(CATEGORIES, index),
    published,
    updated: version === 1 ? published : wholeMinute(published.getTime() + stepMs / 2),
    ...(index % 4 === 0 ? { comment: `${8 + (index % 20)} pages, ${index % 7} figures` } : {}),
    ...(index % 9 === 4
      ? {
          journalRef: `Journal of Invented Results ${index}, 1-12`,
          doi: `10.5555/invented.${count}.${index}`,
        }
      : {}),
  };
}

function pick<T>(values: readonly T[], index: number): T {
  const value = values[index % values.length];
  if (value === undefined) throw new Error('cannot pick from an empty list');
  return value;
}

function wholeMinute(ms: number): Date {
  return new Date(Math.floor(ms / MINUTE_MS) * MINUTE_MS);
}

function monthOf(date: Date): string {
  return date.toISOString().slice(2, 7).replace('-', '');
}
