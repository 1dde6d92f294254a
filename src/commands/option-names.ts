import { editDistance } from '../text/edit-distance.ts';

/** The commands and options that both doors know: inputs of the action, flags of the terminal. */

export const COMMANDS = [
  'run',
  'plan',
  'create',
  'apply',
  'list',
  'show',
  'stats',
  'cancel',
  'retry',
  'enable',
  'disable',
  'delete',
  'doctor',
] as const;
export type CommandName = (typeof COMMANDS)[number];

/** The commands that do one thing to one job. */
export const VERBS = ['cancel', 'retry', 'enable', 'disable', 'delete'] as const;
export type VerbName = (typeof VERBS)[number];

export const OPTIONS = [
  'supabase-url',
  'supabase-key',
  'supabase-publishable-key',
  'command',
  'name',
  'job-type',
  'config',
  'description',
  'max-retries',
  'priority',
  'run-at',
  'queue',
  'unique-key',
  'concurrency-key',
  'timeout-minutes',
  'schedule',
  'timezone',
  'missed',
  'missed-grace-minutes',
  'file',
  'prune',
  'status',
  'job-id',
  'limit',
  'queues',
  'job-types',
  'max-jobs',
  'concurrency',
  'lock-minutes',
  'time-budget-minutes',
  'linger-minutes',
  'instance-id',
  'handlers',
  'dry-run',
  'fail-on',
  'max-workers',
  'jobs-per-worker',
  'silence-minutes',
  'keepalive',
  'github-token',
] as const;
export type OptionName = (typeof OPTIONS)[number];

const VERB_OPTIONS: readonly OptionName[] = ['job-id'];

/** What each command reads, beside `supabase-url`, `supabase-key`, `supabase-publishable-key` and `command`. */
export const USED: Readonly<Record<CommandName, readonly OptionName[]>> = {
  run: [
    'queues',
    'job-types',
    'max-jobs',
    'concurrency',
    'lock-minutes',
    'time-budget-minutes',
    'linger-minutes',
    'instance-id',
    'handlers',
    'dry-run',
    'fail-on',
    'silence-minutes',
    'keepalive',
    'github-token',
  ],
  plan: ['queues', 'job-types', 'max-workers', 'jobs-per-worker'],
  create: [
    'name',
    'job-type',
    'config',
    'description',
    'max-retries',
    'priority',
    'run-at',
    'queue',
    'unique-key',
    'concurrency-key',
    'timeout-minutes',
    'schedule',
    'timezone',
    'missed',
    'missed-grace-minutes',
    'handlers',
  ],
  apply: ['file', 'prune', 'dry-run', 'handlers'],
  list: ['name', 'job-type', 'queue', 'status', 'limit'],
  show: ['job-id', 'name', 'limit'],
  stats: ['queue'],
  cancel: VERB_OPTIONS,
  retry: VERB_OPTIONS,
  enable: VERB_OPTIONS,
  disable: VERB_OPTIONS,
  delete: VERB_OPTIONS,
  doctor: ['silence-minutes', 'github-token'],
};

/** Words that people use for something that has another name here. */
const SYNONYMS: Readonly<Record<string, string>> = {
  add: 'create',
  new: 'create',
  insert: 'create',
  enqueue: 'create',
  start: 'run',
  work: 'run',
  execute: 'run',
  process: 'run',
  ls: 'list',
  jobs: 'list',
  get: 'show',
  describe: 'show',
  info: 'show',
  statistics: 'stats',
  status: 'stats',
  stop: 'cancel',
  abort: 'cancel',
  rerun: 'retry',
  requeue: 'retry',
  pause: 'disable',
  resume: 'enable',
  remove: 'delete',
  rm: 'delete',
  scale: 'plan',
  matrix: 'plan',
  check: 'doctor',
  test: 'doctor',
};

/** The command that was probably meant by an unknown word, or null. */
export function nearestCommand(word: string): string | null {
  const lower = word.toLowerCase();
  return SYNONYMS[lower] ?? nearest(lower, COMMANDS);
}

/**
 * The one of `words` that is at most a third of its letters away from `word` (insert, delete, replace, swap), or
 * null. Case, `_` and `-` do not count.
 */
export function nearest(word: string, words: readonly string[]): string | null {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_\s]/g, '');
  const wanted = plain(word).slice(0, 60);
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of words) {
    const target = plain(candidate);
    const gap = editDistance(wanted, target);
    if (gap < bestDistance && gap <= Math.max(1, Math.floor(target.length / 3))) {
      best = candidate;
      bestDistance = gap;
    }
  }
  return best;
}
