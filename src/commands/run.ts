import { z } from 'zod';
import type { PeekReply } from '../queue/replies.ts';
import type { AftermathReply } from '../queue/step-replies.ts';
import type { FailureKind } from '../queue/types.ts';
import { plural } from '../text/format.ts';
import { heldInWords, outcomeLine, type RunReport, remainingInWords } from '../worker/report.ts';
import { runWorker } from '../worker/worker.ts';
import { aftermathLines, readAftermath } from './aftermath.ts';
import { ALERTS, openAlerts } from './alerts/open-alerts.ts';
import { type CommandContext, defineCommand } from './command.ts';
import {
  githubToken,
  handlers,
  jobTypes,
  list,
  minutes,
  oneOf,
  queues,
  secondsOf,
  silenceMinutes,
  text,
  webhookUrl,
  wholeNumber,
  yesOrNo,
} from './fields.ts';
import { jobTable } from './job-table.ts';
import { runJson } from './run-json.ts';
import { runWarnings } from './run-warnings.ts';
import { snoozeWarnings } from './snoozed.ts';

const DRY_RUN_JOBS = 100;

export const runInput = z
  .object({
    queues,
    jobTypes,
    maxJobs: wholeNumber(1, 100_000)
      .optional()
      .describe('Stop claiming after this many jobs, 1 to 100000. Default: no limit.'),
    concurrency: wholeNumber(1, 64).prefault('4').describe('Jobs at the same time, 1 to 64.'),
    lockMinutes: minutes(0.5, 60)
      .prefault('5')
      .describe('How long a job stays locked when its worker dies. Locks are renewed while jobs run.'),
    timeBudgetMinutes: minutes(0.1, 350)
      .prefault('50')
      .describe('Stop claiming after this time; jobs that run may end.'),
    lingerMinutes: minutes(0, 350)
      .optional()
      .describe(
        'Keep asking for this long after the queue ran empty, in growing pauses of one request each, to bridge ticks that do not come. The minutes are billed. Default: end at once.',
      ),
    instanceId: text(200)
      .optional()
      .describe('Name of this worker; no other may have it. Default: made from repository and run.'),
    handlers: handlers.describe('Folder with the handlers of custom jobs. Default: .github/cloud-jobs.'),
    dryRun: yesOrNo().prefault('false').describe('Show what would be claimed, and claim nothing.'),
    failOn: oneOf(['failed', 'any', 'never'])
      .prefault('failed')
      .describe(
        'When the call fails: failed (a job failed for good), any (also an attempt that will be retried), never.',
      ),
    alert: list(oneOf(ALERTS))
      .optional()
      .describe(
        'Report jobs that fail for good: issue (one GitHub issue for each name of a job, closed when the job succeeds again; needs `github-token` with issues: write), webhook (JSON to `alert-webhook-url`), or both, separated by a comma. Default: none.',
      ),
    alertWebhookUrl: webhookUrl.describe('Where `alert` webhook posts to. From a secret.'),
    alertWebhookSecret: text(500)
      .optional()
      .describe(
        'Signs what `alert` webhook posts, as Standard Webhooks says (webhook-signature). From a secret.',
      ),
    alertFormat: oneOf(['plain', 'slack'])
      .optional()
      .describe(
        'What `alert` webhook posts: plain (all that is known), slack (a message). Default: slack for hooks.slack.com, plain for others.',
      ),
    silenceMinutes,
    keepalive: yesOrNo()
      .prefault('false')
      .describe(
        'On each run, enable this workflow, and after a checkout the others that run cloud-jobs by a schedule, so that GitHub does not switch them off after 60 days. Needs `github-token` with actions: write.',
      ),
    githubToken: githubToken.describe(
      'Warn about the 60 days after which GitHub switches schedules off. The token of the job (github.token) will do.',
    ),
  })
  .refine(({ keepalive, githubToken: token }) => !keepalive || token !== undefined, {
    message:
      '`keepalive` needs `github-token`: pass the token of the job (github.token), and give the job permissions: actions: write.',
  })
  .superRefine(({ alert = [], alertWebhookUrl: url, githubToken: token }, context) => {
    if (alert.includes('issue') && token === undefined)
      context.addIssue(
        '`alert` issue needs `github-token`: pass the token of the job (github.token), and give the job permissions: issues: write.',
      );
    if (alert.includes('webhook') && url === undefined)
      context.addIssue('`alert` webhook needs `alert-webhook-url`.');
  });
export type RunInput = z.output<typeof runInput>;

export type RunResult =
  | {
      readonly command: 'run';
      readonly report: RunReport;
      /** What is wrong around the run: ticks that come late, a long silence, a schedule about to be switched off. */
      readonly warnings?: readonly string[];
      /** Jobs that it released, and decisions that are waited for; null if there can be none. */
      readonly aftermath?: AftermathReply | null;
    }
  | { readonly command: 'dry-run'; readonly peek: PeekReply };

export const run = defineCommand({
  name: 'run',
  about: 'Claim and execute what is due, until nothing is.',
  input: runInput,
  run: async (input, context): Promise<RunResult> =>
    input.dryRun
      ? {
          command: 'dry-run',
          peek: await context.queue.peek(input.queues, input.jobTypes, DRY_RUN_JOBS),
        }
      : await work(input, context),
  text: (result, now, width) =>
    result.command === 'run'
      ? runText(result, now)
      : `${result.peek.due_is_minimum ? 'At least ' : ''}${plural(result.peek.due, 'job')} due; nothing was claimed.\n${jobTable(result.peek.jobs, now, width)}`,
  json: (result) =>
    result.command === 'run' ? runJson(result.report, result.aftermath ?? null) : result.peek,
  exitCode: (result, { failOn }) => (result.command === 'run' && failed(result.report, failOn) ? 1 : 0),
});

async function work(input: RunInput, context: CommandContext): Promise<RunResult> {
  await using worker = context.openWorker(input);
  await using alerts = openAlerts(input, context, worker.instanceId);
  await alerts.start();
  const report = await runWorker(
    {
      instanceId: worker.instanceId,
      queues: input.queues,
      jobTypes: input.jobTypes,
      concurrency: input.concurrency,
      maxJobs: input.maxJobs ?? null,
      lockSeconds: secondsOf(input.lockMinutes),
      timeBudgetSeconds: secondsOf(input.timeBudgetMinutes),
      lingerSeconds: input.lingerMinutes === undefined ? 0 : secondsOf(input.lingerMinutes),
      runUrl: worker.runUrl,
      trigger: worker.trigger,
      watch: worker.watch,
    },
    worker.deps,
  );
  const warnings = await runWarnings(input, worker.trigger, report.arrival, context);
  // A worker that is being stopped has only seconds left. Its alerts stay in the outbox for the next worker.
  if (report.stopCause !== 'signal') {
    const subject = `Workers of ${worker.trigger ?? 'cloud-jobs'}`;
    await alerts.flush(warnings.map((error) => ({ subject, error })));
  }
  return {
    command: 'run',
    report,
    warnings: [...warnings, ...(await snoozeWarnings(report, context))],
    aftermath: await readAftermath(report, context),
  };
}

/** Endings that are no fault of the job, or that a person asked for. */
const NO_FAULT: ReadonlySet<FailureKind> = new Set(['released', 'snoozed', 'cancelled']);

function failed(report: RunReport, failOn: RunInput['failOn']): boolean {
  if (report.stopCause === 'error') return true;
  if (failOn === 'never') return false;
  if (report.failed > 0) return true;
  return (
    failOn === 'any' &&
    report.executions.some(({ failureKind }) => failureKind !== null && !NO_FAULT.has(failureKind))
  );
}

function runText(
  { report, warnings = [], aftermath = null }: Extract<RunResult, { command: 'run' }>,
  now: Date,
): string {
  return [
    ...report.executions.map((execution) => `${execution.name}: ${outcomeLine(execution)}`),
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...aftermathLines(aftermath, now),
    ...report.heldQueues.map((held) => heldInWords(held, now)),
    `${plural(report.claimed, 'job')} claimed, ${report.succeeded} succeeded, ${report.failed} failed, ${report.retried} to be retried, ${report.cancelled} cancelled, ${remainingInWords(report)} remaining.`,
  ].join('\n');
}
