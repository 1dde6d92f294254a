import type { Answer } from '../commands/answer.ts';
import { manyJson } from '../commands/change-many.ts';
import { type Outputs, runOutputs } from './outputs.ts';

/** The outputs of the step for what a command answered. */
export function outputsOf(answer: Answer): Outputs {
  switch (answer.command) {
    case 'run':
      return runOutputs(answer.report);
    case 'dry-run':
      return { remaining: answer.peek.due, jobs: answer.peek.jobs };
    case 'plan':
      return {
        workers: answer.workers,
        matrix: Array.from({ length: answer.workers }, (_, index) => index + 1),
      };
    case 'create':
      return { 'job-id': answer.jobId };
    case 'apply':
    case 'list':
      return { jobs: answer.reply.jobs };
    case 'show':
      return {
        'job-id': answer.reply.job?.job_id ?? '',
        jobs: answer.reply.job ? [answer.reply.job] : [],
        executions: answer.reply.executions,
      };
    case 'logs':
      return { 'job-id': answer.jobId, executions: [answer.execution] };
    case 'stats':
    case 'queues':
    case 'metrics':
      return { stats: answer.reply };
    case 'verb':
      return { 'job-id': answer.replies.map(({ job_id: id }) => id).join(',') };
    case 'bulk':
      return { stats: manyJson(answer) };
    case 'doctor':
      return {};
  }
}
