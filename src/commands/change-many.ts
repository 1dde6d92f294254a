import type { BulkOptions } from '../queue/control.ts';
import type { BulkReply } from '../queue/control-replies.ts';
import type { BulkAction, JobFilter } from '../queue/filter.ts';
import type { Json } from '../queue/types.ts';
import { describeError } from '../text/describe-error.ts';
import { plural } from '../text/format.ts';
import { CommandError } from './answer.ts';
import type { CommandContext } from './command.ts';

/** Jobs of one call: a batch is one transaction, and counting takes less of it than changing. */
const BATCH = 500;
const COUNT_BATCH = 1000;
const MOST_REFUSED = 20;
const PROGRESS_MS = 3000;

export interface ManyOptions {
  readonly dryRun: boolean;
  /** Jobs to change at most. */
  readonly limit?: number;
  /** For `retry`: jobs that become due in each minute. */
  readonly perMinute?: number;
  /** For `retry`: merged into the config of each. */
  readonly config?: Json;
}

/** The result for all jobs that match a filter. */
export interface ManyResult {
  readonly command: 'bulk';
  readonly verb: BulkAction;
  readonly dryRun: boolean;
  /** Jobs that match, and for which the command makes sense. */
  readonly matched: number;
  readonly changed: number;
  /** The first of the jobs that could not be changed. */
  readonly refused: BulkReply['refused'];
}

/** Does one thing to all jobs that match, newest first, in batches, and reports its progress every few seconds. */
export async function changeMany(
  verb: BulkAction,
  filter: JobFilter,
  { dryRun, limit = Number.POSITIVE_INFINITY, ...how }: ManyOptions,
  { queue, now, progress }: Pick<CommandContext, 'queue' | 'now' | 'progress'>,
): Promise<ManyResult> {
  let matched = 0;
  let changed = 0;
  let refused: BulkReply['refused'] = [];
  let before: string | null = null;
  let hasMore = true;
  let reportedAt = now().getTime();
  do {
    const most = Math.min(dryRun ? COUNT_BATCH : BATCH, limit - matched);
    const options: BulkOptions = { ...how, dryRun, limit: most, before: before ?? undefined, after: changed };
    const reply: BulkReply = await queue.bulk(verb, filter, options).catch((cause: unknown) => {
      if (changed === 0) throw cause;
      throw new CommandError(
        `${verb} ended early, with ${plural(changed, 'job')} done. Run it again to go on. ${describeError(cause)}`,
      );
    });
    matched += reply.matched;
    changed += reply.changed;
    refused = [...refused, ...reply.refused].slice(0, MOST_REFUSED);
    before = reply.next;
    hasMore = before !== null && matched < limit;
    if (hasMore && now().getTime() - reportedAt >= PROGRESS_MS) {
      reportedAt = now().getTime();
      progress(`${verb}: ${plural(matched, 'job')} ${dryRun ? 'counted' : 'done'} so far.`);
    }
  } while (hasMore);
  return { command: 'bulk', verb, dryRun, matched, changed, refused };
}

/** The result in words: one line, and one for each job that could not be changed. */
export function manyText({ verb, dryRun, matched, changed, refused }: ManyResult): string {
  if (matched === 0) return `No job matches that ${verb} can change.`;
  if (dryRun) return `Dry run: ${verb} would change ${plural(matched, 'job')}. Nothing was changed.`;
  const count = changed === matched ? plural(matched, 'job') : `${changed} of ${plural(matched, 'job')}`;
  return [
    `${verb}: ${count} done.`,
    ...refused.map(({ job_id: id, reason }) => `  ${id}: not done. ${reason ?? ''}`.trimEnd()),
  ].join('\n');
}

export const manyJson = ({ dryRun, matched, changed, refused }: ManyResult) => ({
  dry_run: dryRun,
  matched,
  changed,
  refused,
});
