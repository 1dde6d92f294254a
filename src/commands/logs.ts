import { z } from 'zod';
import type { ExecutionRow } from '../queue/job.ts';
import { moment } from '../text/format.ts';
import { CommandError } from './answer.ts';
import { noJob } from './change-jobs.ts';
import { defineCommand } from './command.ts';
import { jobId, wholeNumber } from './fields.ts';

/** As many executions as `cloud_jobs_show` returns. */
const MOST_EXECUTIONS = 200;

const logsInput = z.object({
  jobId: jobId().describe('Id of the job; the list command shows it.'),
  attempt: wholeNumber(1, 1000)
    .optional()
    .describe('The attempt. Default: the last one that printed anything.'),
});

export interface LogsResult {
  readonly command: 'logs';
  readonly jobId: string;
  readonly execution: ExecutionRow;
}

export const logs = defineCommand({
  name: 'logs',
  about: 'Print what an attempt at a job printed, as far as it is kept: the last 16 KiB.',
  input: logsInput,
  positional: 'jobId',
  run: async ({ jobId: id, attempt }, { queue }): Promise<LogsResult> => {
    const { job, executions } = await queue.show(id, MOST_EXECUTIONS);
    if (!job) throw noJob(id);
    const execution = executions.find((one) =>
      attempt === undefined ? one.output !== null && one.output !== '' : one.attempt === attempt,
    );
    if (execution) return { command: 'logs', jobId: id, execution };
    if (executions.length === 0) throw new CommandError(`The job ${id} has not run yet.`);
    throw new CommandError(
      attempt === undefined
        ? `No attempt at the job ${id} has printed anything. The output is kept when an attempt ends.`
        : `There is no attempt ${attempt} at the job ${id}. The show command lists the attempts.`,
    );
  },
  json: ({ jobId: id, execution }) => ({
    job_id: id,
    execution_id: execution.execution_id,
    attempt: execution.attempt,
    started_at: execution.started_at,
    output: execution.output,
  }),
  text: ({ execution }, now) =>
    `Attempt ${execution.attempt}, started ${moment(execution.started_at, now)}: ${execution.failure_kind ?? execution.status}\n${execution.output || '(nothing was printed)'}`,
});
