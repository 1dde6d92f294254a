import type { OverviewReply } from '../../src/queue/control-replies.ts';
import { duration } from '../../src/text/format.ts';

/** Something that a person should look at, and where. */
export interface Attention {
  readonly text: string;
  readonly severity: 'warning' | 'bad';
  readonly action: string;
  readonly href: string;
}

/** Jobs of a queue that are due for longer than this are probably not being taken. */
const LONG_DUE_SECONDS = 2 * 60 * 60;
/** Shorter if no worker came for this queue at all. */
const UNASKED_SECONDS = 30 * 60;

/** What needs attention, in words, with the page that helps. Newest facts only: nothing is remembered. */
export function attentionOf(overview: OverviewReply): Attention[] {
  const asked = new Set(overview.workers.flatMap((worker) => worker.queues));
  const found: Attention[] = [];
  for (const line of overview.oldest_due) {
    const since = duration(line.oldest_due_seconds);
    const href = `/jobs?queue=${encodeURIComponent(line.queue)}&state=due`;
    if (line.paused) {
      found.push({
        severity: 'warning',
        action: 'Queues',
        href: '/queues',
        text: `Queue ${line.queue} is paused, with ${line.due} ${line.due === 1 ? 'job' : 'jobs'} due.`,
      });
    } else if (!asked.has(line.queue) && line.oldest_due_seconds > UNASKED_SECONDS) {
      found.push({
        severity: 'bad',
        action: 'Show the jobs',
        href,
        text: `Queue ${line.queue}: due for ${since}, and no worker asked for it lately. Does a workflow name this queue?`,
      });
    } else if (line.oldest_due_seconds > LONG_DUE_SECONDS) {
      found.push({
        severity: 'warning',
        action: 'Show the jobs',
        href,
        text: `Queue ${line.queue}: a job has been due for ${since}.`,
      });
    }
  }
  const { failed_24h: failed } = overview.counts;
  if (failed > 0) {
    found.push({
      severity: 'bad',
      action: 'Show them',
      href: '/jobs?status=failed',
      text: `${failed}${failed >= 10_000 ? ' or more' : ''} ${failed === 1 ? 'job' : 'jobs'} failed for good in the last 24 hours.`,
    });
  }
  const gap = overview.ticks.median_gap_seconds;
  if (gap !== null && gap > LONG_DUE_SECONDS && overview.counts.due > 0) {
    found.push({
      severity: 'warning',
      action: 'Workers',
      href: '/',
      text: `Scheduled runs came ${duration(gap)} apart. GitHub starts schedules late; waking starts a run when a job is due.`,
    });
  }
  return found;
}
