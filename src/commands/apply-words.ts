import type { Json } from '../queue/types.ts';
import { moment } from '../text/format.ts';
import type { ApplyResult } from './apply.ts';

const VERBS = {
  create: ['created', 'to create'],
  update: ['updated', 'to update'],
  enable: ['enabled', 'to enable'],
  disable: ['disabled', 'to disable'],
  gone: ['gone from the file and left alone (prune disables them)', 'gone from the file'],
  unchanged: ['unchanged', 'unchanged'],
} as const;

/** `Applied: 2 created, 1 updated, 5 unchanged.` */
export function applyVerdict({ reply }: Pick<ApplyResult, 'reply'>): string {
  const counts = (Object.keys(VERBS) as (keyof typeof VERBS)[]).flatMap((action) => {
    const count = reply.jobs.filter((job) => job.action === action).length;
    return count === 0 ? [] : [`${count} ${VERBS[action][reply.dry_run ? 1 : 0]}`];
  });
  const what = counts.length === 0 ? 'the file has no jobs' : counts.join(', ');
  return reply.dry_run ? `Plan, nothing was changed: ${what}.` : `Applied: ${what}.`;
}

/** One job of a jobs file and what was done about it, in words; nothing in it is safe for a page yet. */
export interface ApplyRow {
  readonly key: string;
  readonly action: string;
  readonly queue: string;
  /** When it runs next, or why it does not. */
  readonly runs: string;
  /** `schedule: "0 3 * * *" -> "0 4 * * *"`, one for each column that changes. */
  readonly changes: readonly string[];
}

export function applyRows({ reply }: Pick<ApplyResult, 'reply'>, now: Date): ApplyRow[] {
  return reply.jobs.map((job) => ({
    key: job.key,
    action: job.action,
    queue: job.queue,
    runs: job.status === 'waiting' ? moment(job.run_at, now) : job.status,
    changes: Object.entries(job.changes).map(([column, [before, after]]) =>
      column === 'followers'
        ? followerWords(before, after)
        : `${column}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`,
    ),
  }));
}

/** Which jobs come after a recurring one now: by their names, as their keys are unless they have others. */
function followerWords(before: Json, after: Json): string {
  const [was, is] = [followerNames(before), followerNames(after)];
  if (was.join() !== is.join())
    return `after it: ${was.join(', ') || 'nothing'} -> ${is.join(', ') || 'nothing'}`;
  const changed = is.filter(
    (_, index) => JSON.stringify((before as Json[])[index]) !== JSON.stringify((after as Json[])[index]),
  );
  return `after it: ${changed.join(', ')} changed`;
}

/** The names of the jobs that come after each occurrence of a recurring one. */
export function followerNames(followers: Json | undefined): string[] {
  return Array.isArray(followers)
    ? followers.map((one) => String((Object(one) as { name?: unknown }).name))
    : [];
}
