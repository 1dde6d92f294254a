import type { AuditRow, ExecutionRow, JobRow } from './audit.ts';

/** A time, in milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What the run knows of one worker, to judge which endings its faults explain. */
export interface WorkerRecord {
  readonly instanceId: string;
  /** By SIGKILL, out of the blue. */
  readonly killed: boolean;
  /** As the runner does it. */
  readonly cancelled: boolean;
  /** When it was frozen. */
  readonly pauses: readonly Span[];
  /** How many of its handlers' processes were killed. */
  readonly childKills: number;
  /** It had no room for results. */
  readonly fullDisk: boolean;
  /** It ended by itself, but said that it had to stop. */
  readonly gaveUp: boolean;
  /** It was killed at the end of the runner's patience, or said that it could not hand its jobs back. */
  readonly leftBehind: boolean;
}

/** A line of the ledger: what a handler did, written before its worker heard of it. */
export interface LedgerLine {
  readonly event: 'start' | 'done';
  readonly job: string;
  readonly execution: string;
  readonly at: number;
}

export interface Evidence {
  readonly jobs: readonly JobRow[];
  readonly executions: readonly ExecutionRow[];
  readonly audit: readonly AuditRow[];
  readonly ledger: readonly LedgerLine[];
  /** Jobs whose adding was acknowledged. */
  readonly promised: ReadonlySet<string>;
  readonly workers: ReadonlyMap<string, WorkerRecord>;
  /** When the database or the way to it was broken for everybody. */
  readonly outages: readonly Span[];
}
