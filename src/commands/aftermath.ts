import type { AftermathReply } from '../queue/step-replies.ts';
import { moment, plural } from '../text/format.ts';
import type { RunReport } from '../worker/report.ts';
import type { CommandContext } from './command.ts';

/** What a run leaves: jobs that start because others ended in it, and decisions that jobs of it wait for. */

const MOST_ASKED = 1000;

/** Asks only if a job of the run has children or was paused; never throws. Null if there is nothing to ask or no answer. */
export async function readAftermath(
  { executions, stopCause }: RunReport,
  { queue, warn }: CommandContext,
): Promise<AftermathReply | null> {
  // A worker that is being stopped has only seconds left.
  if (stopCause === 'signal') return null;
  const paused = executions.filter(({ outcome }) => outcome === 'released');
  const parents = executions.filter(({ hasChildren, jobStatus }) => hasChildren && jobStatus !== 'waiting');
  const ids = [...new Set([...paused, ...parents].map(({ jobId }) => jobId))];
  if (ids.length === 0) return null;
  try {
    return await queue.aftermath(ids.slice(0, MOST_ASKED));
  } catch {
    warn('It is not known which jobs the run released, and which wait for a decision.');
    return null;
  }
}

export function aftermathLines(aftermath: AftermathReply | null, now: Date): string[] {
  if (aftermath === null) return [];
  const { approvals, released, released_count: count } = aftermath;
  return [
    ...approvals.flatMap((one) => [
      `${one.name} waits for a decision until ${moment(one.until, now)}: ${one.title}`,
      `  ${decisionCommand(one)}`,
    ]),
    ...(count > 0 ? [`Released: ${plural(count, 'job')}`] : []),
    ...released.map(({ name, job_id: id, status }) => `- ${name} (${id}): ${status}`),
  ];
}

/** The command that approves. */
export const decisionCommand = ({ job_id: id, step }: AftermathReply['approvals'][number]): string =>
  `cloud-jobs approve ${id}${step === 'approval' ? '' : ` --signal '${step.replaceAll("'", "'\\''")}'`}`;
