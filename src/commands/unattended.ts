import type { Unattended } from '../queue/report-replies.ts';
import { duration, moment, plural } from '../text/format.ts';

/** A queue and job type whose due jobs no worker asked for, in words. */
export function unattendedWords(one: Unattended[number], now: Date): string {
  const { queue, job_type: type, due, seconds, last_asked_at: asked } = one;
  const last =
    asked === null
      ? 'No worker is known to have asked for them'
      : `The last worker that asked for them came ${moment(asked, now)}`;
  return `${plural(due, 'job')} of the type ${type} in the queue ${JSON.stringify(queue)}: due for ${duration(seconds)}, while workers asked for others only. ${last}.`;
}

export const UNATTENDED_ADVICE =
  'Check that the `queues` and `job-types` of a workflow include them, and the spelling of the queue.';
