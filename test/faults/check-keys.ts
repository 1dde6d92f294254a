import type { AuditRow } from './audit.ts';
import type { Say } from './check.ts';
import type { Evidence, Span } from './evidence.ts';

/** Keys held at every moment: by the queue's own record, and by what the handlers did. */
export function checkKeys(evidence: Evidence, say: Say): void {
  checkHolders(evidence.audit, say);
  checkHandlers(evidence, say);
}

/** One locked job for each concurrency key, one unfinished job for each unique key. */
function checkHolders(audit: readonly AuditRow[], say: Say): void {
  const holders = new Map<string, string>();
  const change = (key: string, job: string, holds: boolean): void => {
    const holder = holders.get(key);
    if (!holds) {
      if (holder === job) holders.delete(key);
    } else if (holder !== undefined && holder !== job) say(`${key} held by ${holder} and ${job} at once`);
    else holders.set(key, job);
  };
  for (const row of audit) {
    if (row.kind !== 'job') continue;
    if (row.concurrency_key !== null)
      change(`concurrency key ${row.concurrency_key}`, row.job_id, row.now === 'locked');
    if (row.unique_key !== null)
      change(
        `unique key ${row.queue}/${row.unique_key}`,
        row.job_id,
        row.now === 'waiting' || row.now === 'locked',
      );
  }
}

/**
 * No two handlers of one concurrency key were at work at once, by the ledger alone. Of an attempt that was lost nobody
 * knows when its handler ended, and it may have gone on.
 */
function checkHandlers({ jobs, executions, ledger }: Evidence, say: Say): void {
  const keys = new Map(
    jobs.flatMap((job) => (job.concurrency_key ? [[job.job_id, job.concurrency_key]] : [])),
  );
  const lost = new Set(
    executions.flatMap(({ failure_kind, execution_id }) => (failure_kind === 'lost' ? [execution_id] : [])),
  );
  const starts = new Map<string, number>();
  const work = new Map<string, (Span & { readonly execution: string })[]>();
  for (const { event, job, execution, at } of ledger) {
    const key = keys.get(job);
    if (key === undefined || lost.has(execution)) continue;
    if (event === 'start') starts.set(execution, at);
    const from = starts.get(execution);
    if (event !== 'done' || from === undefined) continue;
    const all = work.get(key) ?? [];
    all.push({ from, to: at, execution });
    work.set(key, all);
  }
  for (const [key, spans] of work) {
    spans.sort((a, b) => a.from - b.from);
    for (const [n, span] of spans.entries()) {
      const before = spans[n - 1];
      if (before && span.from < before.to)
        say(`handlers of ${before.execution} and ${span.execution} ran at once under concurrency key ${key}`);
    }
  }
}
