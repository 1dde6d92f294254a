import { type Job, jobOf, type Queue } from './queue-model.ts';
import type { World } from './world.ts';

export const isOver = (job: Job): boolean => job.status === 'success' || job.status === 'failed';

/** What no step may do to what is finished. */
export function changedForbidden(before: Queue, after: Queue): string | null {
  for (const [index, job] of before.jobs.entries()) {
    const now = jobOf(after, index);
    if (job.status === 'success' && now.status !== 'success') return 'a success was undone';
    if (job.status === 'failed' && now.status !== 'failed')
      return 'a job that had failed for good was changed';
  }
  return null;
}

/** What must hold in every world. @returns the rule that is broken */
export function broken(world: World): string | null {
  const open = new Map<number, number>();
  for (const [id, execution] of world.queue.executions) {
    if (execution.status !== 'running') continue;
    open.set(execution.job, (open.get(execution.job) ?? 0) + 1);
    const job = jobOf(world.queue, execution.job);
    if (job.status !== 'locked' || job.holder !== id) return 'an execution runs whose job it does not hold';
  }
  for (const [index, job] of world.queue.jobs.entries()) {
    const running = open.get(index) ?? 0;
    if (job.status === 'locked' && running !== 1) return 'a locked job has no running execution';
    if ((world.spent[index] ?? 0) > job.maxRetries + 1)
      return 'a job was tried more often than its retries allow';
  }
  for (const worker of world.workers) {
    for (const [id, execution] of world.queue.executions) {
      if (execution.worker !== worker.name || execution.status !== 'running' || worker.running === id)
        continue;
      const asked = worker.awaits?.kind === 'claim' && worker.awaits.id === execution.request;
      // Only its expiry could free this lock, though its worker is alive and well.
      if (!asked) return 'a live worker holds a lock that it does not know of';
    }
  }
  return null;
}

/** All jobs are done with. */
export const settled = (world: World): boolean => world.queue.jobs.every(isOver);
