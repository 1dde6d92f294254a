import { expect } from 'vitest';
import { type Entry, type ModelJob, occurrences } from './policy-model.ts';

/** The columns of cloud_job_executions that show which occurrences a row accounts for. */
export interface Execution extends Record<string, unknown> {
  readonly failure_kind: string | null;
  readonly scheduled_for: Date;
  readonly started_at: Date;
  readonly error_details: { first: string; last: string; skipped: number } | null;
}

export const timeOf = (entry: Entry): number => (entry.kind === 'run' ? entry.scheduledFor : entry.first);

export function entry(row: Execution): Entry {
  if (row.failure_kind === 'skipped' && row.error_details) {
    const { first, last, skipped } = row.error_details;
    return { kind: 'skipped', first: Date.parse(first), last: Date.parse(last), count: skipped };
  }
  return { kind: 'run', scheduledFor: row.scheduled_for.getTime(), startedAt: row.started_at.getTime() };
}

/** Checks that each occurrence was run, covered by a later run, or recorded as skipped, and none of them twice. */
export function accountFor(job: ModelJob, from: number, history: readonly Entry[]): void {
  const last = history.at(-1);
  if (!last) return;
  const end = last.kind === 'run' ? last.scheduledFor : last.last;
  const times = history.map(timeOf);
  expect(new Set(times).size).toBe(times.length);
  const accounted = history.flatMap((entry) => {
    if (entry.kind === 'skipped') return occurrences(job, entry.first - 1, entry.last);
    // With "once", a run covers all occurrences that were due when it started.
    return job.missed === 'once'
      ? occurrences(job, entry.scheduledFor - 1, entry.startedAt)
      : [entry.scheduledFor];
  });
  const all = occurrences(job, from, end);
  expect(accounted.filter((at) => at <= end)).toEqual(all);
}
