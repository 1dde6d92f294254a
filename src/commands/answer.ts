import type { ApplyResult } from './apply.ts';
import type { ChangeResult } from './change-jobs.ts';
import type { ManyResult } from './change-many.ts';
import type { CreateResult } from './create.ts';
import type { DoctorResult } from './doctor.ts';
import type { ListResult } from './list.ts';
import type { LogsResult } from './logs.ts';
import type { MetricsResult } from './metrics.ts';
import type { PlanResult } from './plan.ts';
import type { QueuesResult } from './queues.ts';
import type { RunResult } from './run.ts';
import type { ShowResult } from './show.ts';
import type { StatsResult } from './stats.ts';

/** What a command found or did. The hosts turn it into a summary, outputs, a table or JSON. */
export type Answer =
  | RunResult
  | PlanResult
  | CreateResult
  | ApplyResult
  | ListResult
  | LogsResult
  | ShowResult
  | StatsResult
  | ChangeResult
  | ManyResult
  | QueuesResult
  | MetricsResult
  | DoctorResult;

/** Something that the user asked for cannot be done; the message says why and what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
