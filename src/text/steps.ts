import type { ShowReply, StepRow } from '../queue/replies.ts';
import { duration, moment } from './format.ts';

/** The steps of a job as lines of text: what each took, and what the job waits for. */
export function stepLines(steps: ShowReply['steps'], now: Date): string[] {
  if (!steps || steps.length === 0) return [];
  return ['Steps:', ...steps.map((step, index) => `${index + 1}. ${step.name}: ${stepWords(step, now)}`)];
}

/** What became of a step, or what it waits for. */
export function stepWords(step: StepRow, now: Date): string {
  if (step.finished_at === null) {
    const until = moment(step.until, now);
    if (step.kind === 'sleep') return `sleeps, goes on ${until}`;
    const title = titleOf(step);
    return title === null
      ? `waits for this event, gives up ${until}`
      : `waits for a person to decide, gives up ${until}: ${title}`;
  }
  const took = step.duration_seconds === null ? 'done' : `done in ${duration(step.duration_seconds)}`;
  const decided = Object(step.result) as { approved?: unknown; by?: unknown };
  if (titleOf(step) === null || typeof decided.approved !== 'boolean') return took;
  return `${decided.approved ? 'approved' : 'rejected'} by ${String(decided.by ?? 'somebody')}`;
}

/** The title of an approval; null for any other step. */
export function titleOf({ details }: StepRow): string | null {
  const { title } = Object(details) as { title?: unknown };
  return typeof title === 'string' ? title : null;
}
