import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { v7 as uuid7 } from 'uuid';
import { createGitHubLog } from '../../src/github/annotations.ts';
import { CustomHandlers } from '../../src/handlers/custom/custom-handlers.ts';
import type { Handler } from '../../src/handlers/handler.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { createRedactor } from '../../src/text/redact.ts';
import { JobOutput } from '../../src/worker/job-output.ts';
import { runWorker } from '../../src/worker/worker.ts';
import { inChild } from '../lib/child.ts';

/** The worker as the action runs it, with a handler inside its process unless `isolated`. */
export interface OurOptions {
  readonly url: string;
  readonly key: string;
  readonly concurrency: number;
  readonly name: string;
  /** Runs bench/handlers/noop.mjs in a process of its own, as a user's handler. */
  readonly isolated: boolean;
  /** How long a handler takes inside the worker's process. */
  readonly jobMs: number;
}

await inChild<OurOptions>(async (options) => {
  const redactor = createRedactor();
  redactor.add(options.key);
  const log = createGitHubLog(redactor.redact);
  const { queue, requests } = openQueue(options, 'bench');
  await queue.checkSchema();
  const before = requests();
  const handler: Handler = async () => {
    if (options.jobMs > 0) await delay(options.jobMs);
    return { outcome: 'success', result: null };
  };
  const custom = new CustomHandlers({
    folder: fileURLToPath(new URL('../handlers', import.meta.url)),
    hostScript: new URL('../../src/handlers/custom/host.ts', import.meta.url),
    env: process.env,
    scratchDir: tmpdir(),
  });
  return {
    work: async () => {
      const report = await runWorker(
        {
          instanceId: options.name,
          queues: ['default'],
          jobTypes: ['custom', 'maintenance', 'paper_fetch'],
          concurrency: options.concurrency,
          maxJobs: null,
          lockSeconds: 300,
          timeBudgetSeconds: 3600,
          lingerSeconds: 0,
          runUrl: 'https://github.com/octo/consumer/actions/runs/42/attempts/1',
          trigger: 'schedule',
        },
        {
          queue,
          handlers: {
            custom: options.isolated ? custom.handler : handler,
            maintenance: handler,
            paper_fetch: handler,
          },
          openOutput: (job) =>
            new JobOutput(`${job.name} (attempt ${job.attempt} of ${job.max_retries + 1})`, log),
          redact: redactor.redact,
          redactJson: redactor.redactJson,
          secret: redactor.add,
          spill: () => Promise.resolve(tmpdir()),
          warn: log.warning,
          newId: () => uuid7(),
          now: () => performance.now(),
          stop: new AbortController().signal,
          requests,
        },
      );
      if (report.error !== null) throw new Error(report.error);
      const lost = report.executions.filter((execution) => execution.outcome !== 'success').length;
      return { jobs: report.succeeded, requests: requests() - before, lost };
    },
    close: () => custom.close(),
  };
});
