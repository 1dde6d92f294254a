import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as core from '@actions/core';
import type { Answer } from '../commands/answer.ts';
import { answerText } from '../commands/answer-text.ts';
import { execute, exitCodeOf } from '../commands/execute.ts';
import { openGitHub } from '../commands/github-repository.ts';
import { OptionsError } from '../commands/options.ts';
import { createGitHubLog } from '../github/annotations.ts';
import { readInputs } from '../github/inputs.ts';
import { errorPage, page } from '../github/job-summary/page.ts';
import { type Outputs, runOutputs, writeOutputs } from '../github/outputs.ts';
import { triggerOf } from '../github/trigger.ts';
import { checkByHandlers, JOB_TYPE_NAMES } from '../handlers/index.ts';
import { openQueue } from '../queue/open-queue.ts';
import { describeError } from '../text/describe-error.ts';
import { createRedactor } from '../text/redact.ts';
import { JobOutput } from '../worker/job-output.ts';
import { withoutKey } from './handler-env.ts';
import { instanceId, openWorker, type Place } from './open-worker.ts';

export interface ActionDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts when the runner cancels the step. */
  readonly stop: AbortSignal;
  /** Folder of the running bundle. */
  readonly bundleDir: string;
  readonly tempDir: string;
  readonly version: string;
}

/** One call of the action, from its inputs to its summary. @returns the exit code */
export async function runAction(deps: ActionDeps): Promise<number> {
  const { env } = deps;
  const redactor = createRedactor(core.setSecret, JOB_TYPE_NAMES);
  const log = createGitHubLog(redactor.redact);
  try {
    redactor.add(env['INPUT_SUPABASE-KEY'] ?? '');
    redactor.add(env['INPUT_GITHUB-TOKEN'] ?? '');
    const { options, warnings } = readInputs(env);
    for (const warning of warnings) log.warning(warning);
    const opened = openQueue(options.connection, deps.version);
    const answer = await execute(options, {
      queue: opened.queue,
      readFile: (path) => readFile(resolve(env.GITHUB_WORKSPACE || '.', path), 'utf8'),
      repository: env.GITHUB_REPOSITORY || null,
      redact: redactor.redact,
      checkByHandlers: (jobs, folder) => checkByHandlers(jobs, { ...place(deps), folder }),
      now: () => new Date(),
      warn: log.warning,
      github: (token) => openGitHub(token, env),
      planner: async () => {
        const here = place(deps);
        return { instanceId: instanceId(here), runUrl: here.runUrl, trigger: await triggerOf(env) };
      },
      openWorker: async (run) =>
        openWorker(
          run,
          { ...place(deps), trigger: await triggerOf(env) },
          {
            ...opened,
            openOutput: (job) =>
              new JobOutput(`${job.name} (attempt ${job.attempt} of ${job.max_retries + 1})`, log),
            secrets: redactor,
            warn: log.warning,
            stop: deps.stop,
          },
        ),
    });
    // Secrets are taken out of the data: in the finished page they are escaped, cut, and not found any more.
    const safe = redactor.redactJson(answer);
    const now = new Date();
    // The jobs are done and recorded: a page that cannot be written must not make a failure of that.
    await writeSummary(env, page(safe, now)).catch((cause: unknown) =>
      log.warning(`The job summary could not be written: ${describeError(cause)}`),
    );
    for (const cut of writeOutputs(outputsOf(answer), env, redactor.redactJson)) log.warning(cut);
    if (answer.command === 'run') {
      const { report } = answer;
      for (const failed of report.executions.filter(
        (e) => e.outcome === 'failed' || e.outcome === 'cancelled',
      )) {
        log.error(failed.error ?? failed.failureKind ?? 'failed', `Job failed: ${failed.name}`);
      }
      if (report.error) log.error(report.error, 'The run ended early');
      log.info(
        `${report.claimed} claimed, ${report.succeeded} succeeded, ${report.failed} failed, ${report.retried} to be retried, ${report.remaining ?? 'unknown'} remaining (${report.httpRequests} requests).`,
      );
    } else if (answer.command === 'verb' && !answer.reply.applied) {
      log.error(answer.reply.reason ?? 'It was not done.', `${answer.verb}: not done`);
    } else {
      log.info(answerText(safe, now));
    }
    log.end();
    return exitCodeOf(answer, options.command === 'run' ? options.failOn : 'failed');
  } catch (error) {
    const message = redactor.redact(error instanceof OptionsError ? error.message : describeError(error));
    log.error(message, 'cloud-jobs');
    await writeSummary(env, errorPage(message)).catch((cause: unknown) => log.warning(describeError(cause)));
    log.end();
    return 1;
  }
}

function outputsOf(answer: Answer): Outputs {
  switch (answer.command) {
    case 'run':
      return runOutputs(answer.report);
    case 'dry-run':
      return { remaining: answer.peek.due, jobs: answer.peek.jobs };
    case 'plan':
      return {
        workers: answer.workers,
        matrix: { worker: Array.from({ length: answer.workers }, (_, index) => index + 1) },
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
    case 'stats':
      return { stats: answer.reply };
    case 'verb':
      return { 'job-id': answer.reply.job_id };
    case 'doctor':
      return {};
  }
}

async function writeSummary(env: ActionDeps['env'], text: string): Promise<void> {
  if (!env.GITHUB_STEP_SUMMARY) return;
  await core.summary.emptyBuffer().addRaw(text, true).write();
}

function place({ env, bundleDir, tempDir, version }: ActionDeps): Place {
  const repository = env.GITHUB_REPOSITORY || null;
  const runId = env.GITHUB_RUN_ID || null;
  const runAttempt = env.GITHUB_RUN_ATTEMPT || null;
  const server = env.GITHUB_SERVER_URL || 'https://github.com';
  return {
    env: withoutKey(env, env['INPUT_SUPABASE-KEY'] ?? ''),
    scratchDir: join(env.RUNNER_TEMP || tempDir, 'cloud-jobs'),
    repository,
    runId,
    runAttempt,
    trigger: null,
    runUrl:
      repository && runId
        ? `${server}/${repository}/actions/runs/${runId}${runAttempt ? `/attempts/${runAttempt}` : ''}`
        : null,
    hostScript: join(bundleDir, 'host', 'index.js'),
    version,
  };
}
