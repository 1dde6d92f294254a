import type { Answer } from '../commands/answer.ts';

/** What `--json` prints. */
export function answerData(answer: Answer): unknown {
  switch (answer.command) {
    case 'run':
      return answer.report;
    case 'dry-run':
      return answer.peek;
    case 'plan':
      return { workers: answer.workers, queues: answer.reply.queues };
    case 'create':
      return { job_id: answer.jobId, created: answer.created };
    case 'doctor':
      return answer.checks;
    default:
      return answer.reply;
  }
}
