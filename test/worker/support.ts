import { randomUUID } from 'node:crypto';
import type { Handler, HandlerContext, HandlerOutcome } from '../../src/handlers/handler.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { JobOutput } from '../../src/worker/job-output.ts';
import type { WorkerDeps, WorkerOptions } from '../../src/worker/options.ts';
import { runWorker } from '../../src/worker/worker.ts';
import { until } from '../sql/support.ts';
import type { TestProject } from '../support/stack.ts';

export const done: HandlerOutcome = { outcome: 'success', result: null };
/** Runs until it is stopped, and then fails. */
export const untilStopped: Handler = ({ signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** Starts a worker in this process on the real queue. */
export function startWorker(
  project: TestProject,
  queue: string,
  custom: Handler,
  options: Partial<WorkerOptions> = {},
  deps: Partial<WorkerDeps> = {},
) {
  const stop = new AbortController();
  const warnings: string[] = [];
  const open = openQueue({ url: project.url, key: project.secretKey }, 'test');
  const report = runWorker(
    {
      instanceId: randomUUID(),
      queues: [queue],
      jobTypes: ['custom'],
      concurrency: 4,
      maxJobs: null,
      lockSeconds: 60,
      timeBudgetSeconds: 60,
      lingerSeconds: 0,
      runUrl: null,
      trigger: null,
      ...options,
    },
    {
      queue: open.queue,
      requests: open.requests,
      handlers: { custom, maintenance: custom, paper_fetch: custom },
      openOutput: () => new JobOutput('', SILENT),
      redact: (text) => text.replaceAll('hunter2', '***'),
      redactJson: (value) => JSON.parse(JSON.stringify(value).replaceAll('hunter2', '***')),
      secret: () => true,
      spill: async (id) => `/results/${id}.json`,
      warn: (message) => warnings.push(message),
      newId: () => randomUUID(),
      now: () => performance.now(),
      stop: stop.signal,
      ...deps,
    },
  );
  return { report, warnings, stop: () => stop.abort() };
}

const SILENT = { info() {}, warning() {}, error() {}, group() {}, redact: (text: string) => text };

/** Wraps a handler so that its calls can be seen. */
export function noted(handler: Handler) {
  const contexts: HandlerContext[] = [];
  const wrapped: Handler = (context) => {
    contexts.push(context);
    return handler(context);
  };
  return {
    handler: wrapped,
    contexts,
    begun: () => until(async () => contexts.length > 0, 'the handler to begin'),
  };
}
