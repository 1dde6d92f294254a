import { AbortReason, type Handler, type HandlerOutcome } from '../handlers/handler.ts';
import type { ClaimedJob, Progress } from '../queue/job.ts';
import type { Json } from '../queue/types.ts';
import { describeError } from '../text/describe-error.ts';
import { keepStart } from '../text/storable.ts';
import type { JobOutput } from './job-output.ts';
import type { Ending } from './settle.ts';

export interface AttemptDeps {
  readonly handler: Handler;
  readonly output: JobOutput;
  /** Masks a value from now on. Returns false if it is too long to be hidden. */
  readonly secret: (value: string) => boolean;
  readonly redact: (text: string) => string;
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number;
}

/** One running attempt. */
export interface Attempt {
  readonly job: ClaimedJob;
  readonly output: JobOutput;
  /** Settles when the handler has ended, or did not end in time after it was told to stop. Never rejects. */
  readonly ended: Promise<Ending>;
  stop(reason: AbortReason): void;
  /** The newest progress that has not been sent yet, once. */
  takeProgress(): Progress | null;
}

/** A handler that does not end this long after it was told to stop is not waited for any longer. */
const ABANDON_AFTER_MS = 30_000;
/** Warnings of one job that the summary can show. */
const MAX_WARNINGS = 10;
const MAX_WARNING_BYTES = 2_000;
/** setTimeout fires at once beyond this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Starts a job's handler and watches over it: its timeout, its progress, its end. */
export function startAttempt(job: ClaimedJob, deps: AttemptDeps): Attempt {
  const started = deps.now();
  const controller = new AbortController();
  let reason: AbortReason | null = null;
  let progress: Progress | null = null;
  let unsent = false;
  const warnings: string[] = [];
  let abandon: (outcome: HandlerOutcome) => void = () => {};
  const abandoned = new Promise<HandlerOutcome>((resolve) => {
    abandon = resolve;
  });
  const timers: NodeJS.Timeout[] = [];

  const stop = (why: AbortReason): void => {
    if (reason) return;
    reason = why;
    timers.push(
      setTimeout(
        () =>
          abandon({ outcome: 'failure', kind: 'error', message: 'The handler did not stop when told to.' }),
        ABANDON_AFTER_MS,
      ),
    );
    controller.abort(why);
  };

  if (job.timeout_seconds !== null && job.timeout_seconds * 1000 <= LONGEST_TIMER_MS) {
    const seconds = job.timeout_seconds;
    timers.push(
      setTimeout(
        () =>
          stop(
            new AbortReason(
              'timeout',
              `The job ran longer than its timeout of ${seconds} s and was stopped.`,
            ),
          ),
        seconds * 1000,
      ),
    );
  }

  const warn = (text: string): void => {
    deps.output.line(`warning: ${text}`);
    if (warnings.length < MAX_WARNINGS) warnings.push(keepStart(deps.redact(text), MAX_WARNING_BYTES));
  };

  const handled = (async (): Promise<HandlerOutcome> => {
    try {
      return await deps.handler({
        job,
        config: readConfig(job.config),
        idempotencyKey: `${job.job_id}:${job.occurrence}`,
        signal: controller.signal,
        log: {
          line: (text) => deps.output.line(text),
          warning: warn,
        },
        progress: (value) => {
          progress = value;
          unsent = true;
        },
        secret: (value) => {
          if (!deps.secret(value)) warn(`A secret of ${value.length} characters is too long to be hidden.`);
        },
        redact: deps.redact,
      });
    } catch (error) {
      return { outcome: 'failure', kind: 'error', message: describeError(error) };
    }
  })();

  const ended = Promise.race([handled, abandoned]).then((outcome): Ending => {
    for (const timer of timers) clearTimeout(timer);
    return {
      executionId: job.execution_id,
      outcome,
      abortCause: reason?.abortCause ?? null,
      abortMessage: reason?.message ?? null,
      durationSeconds: (deps.now() - started) / 1000,
      progress,
      warnings,
      output: deps.output.tail(),
    };
  });

  return {
    job,
    output: deps.output,
    ended,
    stop,
    takeProgress: () => {
      if (!unsent) return null;
      unsent = false;
      return progress;
    },
  };
}

/** Clients of the seed schema encoded the config twice: a JSON string that holds JSON. */
function readConfig(config: Json): Json {
  if (typeof config !== 'string') return config;
  try {
    return JSON.parse(config) as Json;
  } catch {
    return config;
  }
}
