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
    changes: Object.entries(job.changes).map(
      ([column, [before, after]]) => `${column}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`,
    ),
  }));
}
