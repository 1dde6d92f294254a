import type { DoctorReply } from '../queue/report-replies.ts';
import { moment, plural } from '../text/format.ts';
import { MAX_BATCH } from '../worker/limits.ts';
import type { RunReport } from '../worker/report.ts';
import type { CommandContext } from './command.ts';

/** Jobs that their handlers have put off for a day or more: no retry is spent, so nothing else would say so. */

type Snoozed = DoctorReply['snoozed_for_a_day'][number];

const DAY_MS = 86_400_000;
/** Jobs that the summary names. */
const NAMED = 10;

export const snoozedWords = ({ name, queue, snoozes, snoozed_since: since }: Snoozed, now: Date): string =>
  `${name} (queue ${queue}) has snoozed ${plural(snoozes, 'time')} in a row, first ${moment(since, now)}.`;

export const snoozedAdvice = ({ job_id: id }: Snoozed): string => `See why: show ${id}.`;

/** What the summary of a run says about the jobs that snoozed in it. Asks only if there are any; never throws. */
export async function snoozeWarnings(
  report: RunReport,
  { queue, now, warn }: CommandContext,
): Promise<string[]> {
  const ids = report.executions.filter(({ outcome }) => outcome === 'snoozed').map(({ jobId }) => jobId);
  if (ids.length === 0) return [];
  try {
    const { jobs } = await queue.search({ job_ids: ids.slice(0, MAX_BATCH) }, MAX_BATCH);
    const old = jobs
      .filter(({ snoozed_since: since }) => since && now().getTime() - Date.parse(since) >= DAY_MS)
      .map((job) => ({ ...job, snoozes: job.snoozes ?? 0, snoozed_since: job.snoozed_since ?? '' }));
    return [
      ...old.slice(0, NAMED).map((job) => `${snoozedWords(job, now())} ${snoozedAdvice(job)}`),
      ...(old.length > NAMED
        ? [`${plural(old.length - NAMED, 'other job')} of this run: snoozed for a day or more.`]
        : []),
    ];
  } catch {
    warn('It is not known since when the jobs snooze that snoozed in this run.');
    return [];
  }
}
