import type { ExecutionReport } from './report.ts';

/** The last line of a job's log: what became of it. */
export function verdict(report: ExecutionReport): string {
  const took = `after ${report.durationSeconds.toFixed(1)} s`;
  const next = report.nextRunAt ? `, again at ${report.nextRunAt}` : '';
  const why = report.error ? `: ${report.error}` : '';
  switch (report.outcome) {
    case 'success':
      return `Succeeded ${took}${next}`;
    case 'retry':
      return `Failed ${took} (attempt ${report.attempt} of ${report.maxRetries + 1})${next}${why}`;
    case 'failed':
      return `Failed for good ${took}${next}${why}`;
    case 'snoozed':
      return `Asked to run later${next}${why}`;
    case 'released':
      return `Handed back${why}`;
    case 'cancelled':
      return `Cancelled ${took}`;
    case 'lost':
      return `Lost its lock ${took}: another worker may run it, and nothing was recorded`;
  }
}
