/** What a run leaves for people: decisions that jobs wait for, and the jobs that it released. */
import { decisionCommand } from '../../commands/aftermath.ts';
import type { AftermathReply } from '../../queue/step-replies.ts';
import { moment, plural } from '../../text/format.ts';
import { JOB_ICONS } from '../../text/job-words.ts';
import { jsonText } from '../../text/json-text.ts';
import type { Section } from './fit.ts';
import { block, small, words } from './markdown.ts';

export function aftermathSections(aftermath: AftermathReply | null | undefined, now: Date): Section[] {
  if (!aftermath) return [];
  return [...aftermath.approvals.map((one) => approval(one, now)), ...released(aftermath)];
}

function approval(one: AftermathReply['approvals'][number], now: Date): string {
  const details = typeof one.details === 'string' ? one.details : jsonText(one.details);
  return [
    `#### ✋ ${words(one.title, 200)}`,
    `${words(one.name, 80)} waits for a decision, until ${words(moment(one.until, now))}.`,
    ...(one.details === null ? [] : [block(details, 2000)]),
    'Approve or reject it in the workflow **Manage jobs**, on the dashboard, or with:',
    block(`${decisionCommand(one)}\n${decisionCommand(one).replace('approve', 'reject')}`),
  ].join('\n\n');
}

function released({ released: jobs, released_count: count }: AftermathReply): Section[] {
  if (count === 0) return [];
  const rows = jobs.map(({ name, job_id: id, status, spawned }) => [
    `${words(name, 80)}${small(`<code>${words(id)}</code>`)}`,
    `${JOB_ICONS[status]}&nbsp;${status}${spawned ? ', added' : ''}`,
  ]);
  const note = count > jobs.length ? `… and ${count - jobs.length} more.` : '';
  return [{ head: ['Job', 'Status'], rows, note, fold: `${plural(count, 'job')} released by this run` }];
}
