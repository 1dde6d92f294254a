import type { Paper } from './paper.ts';

export interface UpsertCounts {
  readonly inserted: number;
  readonly updated: number;
  /** Known already and the same, or known in a newer version. */
  readonly unchanged: number;
  /** Identities (`paperIdentity`) of the papers that were not there before. */
  readonly insertedIds: readonly string[];
}

/** What `paper_fetch` needs from the place that keeps papers. Errors are thrown and fail the job. */
export interface PaperStore {
  /** Stores at most 1,000 papers. A paper that is known is updated, never doubled. Safe to call again. */
  upsert(papers: readonly Paper[]): Promise<UpsertCounts>;
  /** All papers that are stored, whatever query brought them. */
  count(): Promise<number>;
  /** Seconds since the start of the last run that read this query to its end; null when none has. */
  secondsSinceComplete(queryKey: string): Promise<number | null>;
  /** Notes that a run which started `startedSecondsAgo` seconds ago has read this query to its end. */
  markComplete(queryKey: string, startedSecondsAgo: number): Promise<void>;
}
