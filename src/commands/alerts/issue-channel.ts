import { createHash } from 'node:crypto';
import type { Alert } from '../../queue/control-replies.ts';
import { plural } from '../../text/format.ts';
import { githubIssues } from '../github-issues.ts';
import { type GitHub, GitHubError } from '../github-repository.ts';
import { type AlertChannel, AlertError } from './channel.ts';

const TITLE_CHARS = 200;

/**
 * Keeps one issue for each subject: opens it, updates it while the failures go on, and closes it with a comment. A mark in
 * the body finds the issue again if GitHub's reply was lost, and one in each comment keeps it from being written twice.
 */
export function issueChannel(github: GitHub): AlertChannel {
  const issues = githubIssues(github);

  async function failed(alert: Alert): Promise<number> {
    const mark = markOf('alert', alert.subject);
    const body = issueBody(alert, mark);
    if (alert.issue_number !== null) {
      const known = await ifThere(issues.update(alert.issue_number, { body, state: 'open' }));
      if (known) return known.number;
    }
    const found = await issues.find(mark);
    if (found) return (await issues.update(found.number, { body, state: 'open' })).number;
    return (await issues.create(titleOf(alert), body)).number;
  }

  async function recovered(alert: Alert): Promise<number | null> {
    const number = alert.issue_number ?? (await issues.find(markOf('alert', alert.subject)))?.number;
    if (number === undefined) return null;
    const mark = markOf('delivery', alert.id);
    const comments = await ifThere(issues.comments(number, alert.at));
    if (comments === null) return null;
    if (!comments.some(({ body }) => body?.includes(mark)))
      await issues.comment(number, `${recoveredWords(alert)}\n\n${mark}`);
    await issues.update(number, { state: 'closed' });
    return number;
  }

  return {
    name: `issue ${github.repository}`,
    hold: '0',
    async send(alert) {
      try {
        const number = alert.action === 'failed' ? await failed(alert) : await recovered(alert);
        return number === null ? {} : { issueNumber: number };
      } catch (error) {
        if (!(error instanceof GitHubError)) throw error;
        throw new AlertError(error.message, error.retrySeconds);
      }
    },
  };
}

/** Null if the issue was deleted or moved away. */
async function ifThere<Found>(asked: Promise<Found>): Promise<Found | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof GitHubError && (error.status === 404 || error.status === 410)) return null;
    throw error;
  }
}

const markOf = (what: string, text: string): string =>
  `<!-- cloud-jobs ${what} ${createHash('sha256').update(text).digest('hex').slice(0, 32)} -->`;

const TITLES = { job: 'Job failed', run: 'Warning', approval: 'Approval' };

const OPEN_WORDS = {
  job: 'A job has failed for good. This issue is updated while it goes on, and closed when the job succeeds again.',
  run: 'A run warns about this. This issue is closed when the warning has not come for a day.',
  approval: 'A job waits for a person to decide. This issue is closed when the job goes on.',
};

const CLOSED_WORDS = {
  job: 'The job succeeded again',
  run: 'No such warning for a day',
  approval: 'The job waits for this decision no longer',
};

function titleOf({ kind, subject }: Alert): string {
  const title = `${TITLES[kind]}: ${subject.replace(/\s+/g, ' ').trim()}`;
  return title.length > TITLE_CHARS ? `${title.slice(0, TITLE_CHARS).toWellFormed()}…` : title;
}

function issueBody(alert: Alert, mark: string): string {
  const { kind, failures, first_failed_at: first, at, queue, job_id: job, failure_kind: failure } = alert;
  return [
    OPEN_WORDS[kind],
    '',
    fenced(alert.subject),
    '',
    kind === 'approval'
      ? `- It waits since ${at}`
      : `- ${plural(failures, 'failure')}${first ? ` since ${first}` : ''}, the last at ${at}`,
    `- Queue: \`${queue}\``,
    ...(job === null
      ? []
      : [
          `- ${kind === 'approval' ? 'Job' : 'Newest job'}: \`${job.replace(/`/g, '')}\`${failure ? `, ${failure}` : ''}`,
        ]),
    ...runLine(alert),
    '',
    ...(alert.error === null ? [] : [fenced(alert.error), '']),
    mark,
  ].join('\n');
}

const recoveredWords = (alert: Alert): string =>
  [`${CLOSED_WORDS[alert.kind]} (${alert.at}).`, ...runLine(alert)].join('\n\n');

/** An address is shown only if it can mean nothing else to Markdown. */
const runLine = ({ run_url: url }: Alert): string[] =>
  url !== null && /^https?:\/\/[\w.:/-]+$/.test(url) ? [`- Run: ${url}`] : [];

/** Text of others as a block in which nothing is Markdown, a mention or a reference. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}
