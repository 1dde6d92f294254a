import type { FinishItem } from '../queue/queue.ts';
import type { ClaimedJob } from '../queue/types.ts';
import { nextOccurrence } from '../schedule/next-occurrence.ts';

/**
 * Says when a recurring job is due next, which the database uses where the occurrence is over.
 * @param databaseNow the database's clock, carried on by this machine's steady one
 */
export function withNextOccurrence(job: ClaimedJob, item: FinishItem, databaseNow: Date): FinishItem {
  if (job.schedule === null) return item;
  const next = nextOccurrence(job.schedule, job.timezone ?? 'UTC', databaseNow);
  return next ? { ...item, next_run_at: next.toISOString() } : item;
}
