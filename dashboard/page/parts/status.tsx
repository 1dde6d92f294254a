/** The state of a job or an attempt, as a word with a sign; colour only repeats what they say. */
import type { ExecutionRow, JobRow } from '../../server/calls.ts';

const SIGNS: Record<string, string> = {
  due: '●',
  scheduled: '◷',
  waiting: '◷',
  blocked: '⧖',
  running: '▶',
  cancelling: '◼',
  success: '✓',
  failed: '✕',
  disabled: '⏸',
  snoozed: '☾',
  released: '↩',
  lost: '?',
  cancelled: '⊘',
  expired: '⌛',
  skipped: '⤼',
};

export function Status({ of }: { of: string }) {
  // A locked job is one that runs.
  const state = of === 'locked' ? 'running' : of;
  return (
    <span class={`status status-${state}`}>
      <span aria-hidden="true">{SIGNS[state] ?? '•'}</span> {state}
    </span>
  );
}

/** What a person would call the state of a job: a waiting job is due, blocked or scheduled. */
export function stateOf(job: JobRow): string {
  if (job.status === 'locked') return job.cancel_requested_at ? 'cancelling' : 'running';
  if (job.expired) return 'expired';
  if (job.status !== 'waiting') return job.status;
  if (job.blocked) return 'blocked';
  return job.due ? 'due' : 'scheduled';
}

const NOT_FAILURES = new Set(['snoozed', 'released', 'lost', 'cancelled', 'expired', 'skipped']);

export function outcomeOf(execution: Pick<ExecutionRow, 'status' | 'failure_kind'>): string {
  if (execution.failure_kind && NOT_FAILURES.has(execution.failure_kind)) return execution.failure_kind;
  return execution.status;
}
