import { dirname, join } from 'node:path';
import * as core from '@actions/core';
import type { Answer } from '../commands/answer.ts';
import { InputError } from '../commands/read-fields.ts';
import { createGitHubLog } from '../github/annotations.ts';
import { outputsOf } from '../github/answer-outputs.ts';
import { readInputs } from '../github/inputs.ts';
import { errorPage, page } from '../github/job-summary/page.ts';
import { OutputError, writeOutputs } from '../github/outputs.ts';
import { JOB_TYPE_NAMES } from '../handlers/index.ts';
import { describeError } from '../text/describe-error.ts';
import { headline } from '../text/headline.ts';
import type { Log } from '../text/log.ts';
import { createRedactor, type Redactor } from '../text/redact.ts';
import { remainingInWords } from '../worker/report.ts';
import { createContext } from './create-worker.ts';

/**
 * The action on a GitHub runner, which starts the bundle of this file: inputs come from the environment, and the
 * answer goes to the log, the job summary, the outputs and the exit code.
 */
export interface ActionDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the runner cancels the step. */
  readonly stop: AbortSignal;
  /** Folder of the running bundle. */
  readonly bundleDir: string;
}

/** One call of the action, from its inputs to its summary. @returns the exit code */
export async function runAction({ env, stop, bundleDir }: ActionDeps): Promise<number> {
  const redactor = createRedactor(core.setSecret, JOB_TYPE_NAMES);
  const log = createGitHubLog(redactor.redact);
  try {
    redactor.add(env['INPUT_SUPABASE-KEY'] ?? '');
    redactor.add(env['INPUT_GITHUB-TOKEN'] ?? '');
    redactor.add(env['INPUT_ALERT-WEBHOOK-URL'] ?? '');
    redactor.add(env['INPUT_ALERT-WEBHOOK-SECRET'] ?? '');
    const { command, input, connection, warnings } = readInputs(env);
    for (const warning of warnings) log.warning(warning);
    const hostScript = join(bundleDir, 'host', 'index.js');
    const workspace = env.GITHUB_WORKSPACE || '.';
    const context = await createContext({ env, hostScript, workspace, log, redactor, stop }, connection);
    const answer = await command.run(input, context);
    // Secrets are taken out of the data: in a finished page they are escaped or cut, and would not be found.
    const safe = redactor.redactJson(answer);
    const now = new Date();
    // The work is done and recorded: a page that cannot be written must not make a failure of it.
    await writeSummary(env, page(safe, now)).catch((cause: unknown) =>
      log.warning(`The job summary could not be written: ${describeError(cause)}`),
    );
    const isOutputWritten = reportOutputs(answer, env, redactor, log);
    if (answer.command === 'run') reportRun(answer.report, log);
    else if (answer.command === 'verb') reportChanges(answer, log);
    else log.info(command.text(safe, now, Number.POSITIVE_INFINITY));
    log.end();
    return isOutputWritten ? (command.exitCode?.(answer, input) ?? 0) : 1;
  } catch (error) {
    const message = redactor.redact(error instanceof InputError ? error.message : describeError(error));
    log.error(message, 'cloud-jobs');
    await writeSummary(env, errorPage(message)).catch((cause: unknown) => log.warning(describeError(cause)));
    log.end();
    return 1;
  }
}

/** Commands whose outputs are their purpose: the next job of the workflow is built from them. */
const NEEDS_OUTPUTS: ReadonlySet<string> = new Set(['plan', 'create']);

/** Writes the outputs. Returns false if they could not be written and the command is worth nothing without them. */
function reportOutputs(answer: Answer, env: ActionDeps['env'], redactor: Redactor, log: Log): boolean {
  try {
    for (const cut of writeOutputs(outputsOf(answer), env, redactor.redactJson)) log.warning(cut);
    return true;
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    if (!NEEDS_OUTPUTS.has(answer.command)) {
      log.warning(`${error.message} The work is done and recorded all the same.`);
      return true;
    }
    const done = answer.command === 'create' ? ` The job exists: ${answer.jobId}.` : '';
    log.error(`${error.message}${done}`, 'An output is missing');
    return false;
  }
}

/** The most telling line first: GitHub shows little of an annotation. */
function errorText(error: string): string {
  const line = headline(error);
  return error.startsWith(line) ? error : `${line}\n${error}`;
}

function reportRun({ executions, ...report }: Extract<Answer, { command: 'run' }>['report'], log: Log) {
  for (const { outcome, error, failureKind, name } of executions) {
    if (outcome === 'failed') log.error(errorText(error ?? failureKind ?? 'failed'), `Job failed: ${name}`);
  }
  if (report.error) log.error(report.error, 'The run ended early');
  log.info(
    `${report.claimed} claimed, ${report.succeeded} succeeded, ${report.failed} failed, ${report.retried} to be retried, ${report.cancelled} cancelled, ${remainingInWords(report)} remaining (${report.httpRequests} requests).`,
  );
}

function reportChanges({ verb, replies }: Extract<Answer, { command: 'verb' }>, log: Log) {
  for (const { job_id: id, applied, status, reason } of replies) {
    if (applied)
      log.info(`${verb} ${id}: done, the job is ${status ?? 'not there'}.${reason ? ` ${reason}` : ''}`);
    else log.error(reason ?? 'It was not done.', `${verb} ${id}: not done`);
  }
}

async function writeSummary(env: ActionDeps['env'], text: string): Promise<void> {
  if (!env.GITHUB_STEP_SUMMARY) return;
  await core.summary.emptyBuffer().addRaw(text, true).write();
}

// False if a test or a bench imports this file; undefined in the bundle.
if (import.meta.main !== false) {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  // Node's fetch ignores proxies unless this is set, and self-hosted runners may need one.
  if (process.env.https_proxy || process.env.HTTPS_PROXY) {
    process.getBuiltinModule('node:http').setGlobalProxyFromEnv?.();
  }
  const bundleDir = dirname(process.argv[1] ?? '.');
  const code = await runAction({ env: process.env, stop: stop.signal, bundleDir });
  // Kept connections would hold the process for seconds; what was written must be out first.
  process.stdout.write('', () => process.exit(code));
}
