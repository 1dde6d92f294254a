import type { JobStatus, Json, Missed } from '../queue/types.ts';
import type { Connection } from './connection.ts';
import type { CommandName, VerbName } from './option-names.ts';
import type { FailOn } from './option-schemas.ts';
import type { RunAt } from './run-at.ts';

export type { FailOn, RunAt };

/** What one call asks for. Optional things that nobody gave are null; defaults are filled in. */
export type Options =
  | RunOptions
  | PlanOptions
  | CreateOptions
  | ApplyOptions
  | ListOptions
  | ShowOptions
  | StatsOptions
  | VerbOptions
  | DoctorOptions;

interface Common<Name extends CommandName> {
  readonly command: Name;
  readonly connection: Connection;
}

export interface RunOptions extends Common<'run'> {
  /** `default` unless given. */
  readonly queues: readonly string[];
  /** All types unless given. */
  readonly jobTypes: readonly string[];
  /** 1 to 100,000; null for no limit. */
  readonly maxJobs: number | null;
  /** Jobs at the same time, 1 to 64. */
  readonly concurrency: number;
  /** 30 to 3,600. */
  readonly lockSeconds: number;
  /** 6 to 21,000. */
  readonly timeBudgetSeconds: number;
  /** 0 to 21,000; 0 unless given. */
  readonly lingerSeconds: number;
  /** Null: made from the repository and the run. */
  readonly instanceId: string | null;
  /** The folder as it was written: relative to the workspace or absolute. Null: not given. */
  readonly handlers: string | null;
  readonly dryRun: boolean;
  readonly failOn: FailOn;
  /** 60 and up: longer without a worker is worth a warning. */
  readonly silenceSeconds: number;
  /** Enables the workflow that runs, so that GitHub does not switch its schedule off. Needs `githubToken`. */
  readonly keepalive: boolean;
  /** Null: GitHub is not asked. */
  readonly githubToken: string | null;
}

export interface PlanOptions extends Common<'plan'> {
  readonly queues: readonly string[];
  readonly jobTypes: readonly string[];
  /** 1 to 256, the most jobs that a matrix may have. */
  readonly maxWorkers: number;
  /** 1 to 10,000. */
  readonly jobsPerWorker: number;
}

export interface CreateOptions extends Common<'create'> {
  readonly name: string;
  readonly jobType: string;
  readonly config: { readonly [key: string]: Json };
  readonly description: string;
  /** 0 to 100; null for the database's default (3). */
  readonly maxRetries: number | null;
  /** -100 to 100, lower first. */
  readonly priority: number;
  /** Null: at once. */
  readonly runAt: RunAt | null;
  readonly queue: string;
  readonly uniqueKey: string | null;
  readonly concurrencyKey: string | null;
  /** 1 to 21,600; null for none of its own. */
  readonly timeoutSeconds: number | null;
  /** Null for a job that runs once. */
  readonly recurrence: Recurrence | null;
  /** The folder as it was written, to check the config of a custom job by its handler. Null: not given. */
  readonly handlers: string | null;
}

export interface ApplyOptions extends Common<'apply'> {
  /** The jobs file as it was written: relative to the workspace or absolute. */
  readonly file: string;
  /** Disables jobs that came from this file and are gone from it. */
  readonly prune: boolean;
  readonly dryRun: boolean;
  /** As for create. */
  readonly handlers: string | null;
}

/** When a recurring job is due. */
export interface Recurrence {
  /** Five-field cron expression or a nickname, known to be valid and due at some time. */
  readonly schedule: string;
  /** IANA name. */
  readonly timezone: string;
  readonly missed: Missed;
  /** How late an occurrence may start before `skip` leaves it out, 0 to 31,536,000; null for the default (900). */
  readonly missedGraceSeconds: number | null;
}

export interface ListOptions extends Common<'list'> {
  readonly name: string | null;
  readonly jobType: string | null;
  readonly queue: string | null;
  readonly status: JobStatus | null;
  /** 1 to 1,000. */
  readonly limit: number;
}

export interface ShowOptions extends Common<'show'> {
  /** One of the two is given. A name means the newest job of that name. */
  readonly jobId: string | null;
  readonly name: string | null;
  /** Executions to show, newest first, 1 to 200. */
  readonly limit: number;
}

export interface StatsOptions extends Common<'stats'> {
  readonly queue: string | null;
}

export interface VerbOptions extends Common<VerbName> {
  readonly jobId: string;
}

export interface DoctorOptions extends Common<'doctor'> {
  readonly silenceSeconds: number;
  readonly githubToken: string | null;
}
