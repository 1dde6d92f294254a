import type { Approval, JobContext, ParentResult } from '../../index.ts';
import type { Json } from '../../queue/types.ts';
import type { HandlerOutcome } from '../handler.ts';
import { asJson } from './json.ts';
import type { Answer, Question, Remembered } from './protocol.ts';

/** The durable part of a handler's context: steps, pauses, events, and what its parents returned. */

const MAX_NAME = 200;
const MAX_SECONDS = 365 * 24 * 60 * 60;
const { parse, stringify } = JSON;

export interface StepsOptions {
  readonly memory: Remembered;
  /** Asks the worker. Rejects with what the handler should see. */
  ask(question: Question): Promise<Answer>;
  /** Ends the attempt in place of the handler, whose code does not go on. */
  end(outcome: HandlerOutcome): void;
}

export type Durable = Pick<JobContext, 'parents' | 'step' | 'sleep' | 'waitFor' | 'approval'>;

export function createSteps({ memory, ask, end }: StepsOptions): Durable {
  const finished = new Map(memory.steps.map(({ name, result }) => [name, result]));
  const used = new Set<string>();
  let running = 0;
  let hasRun = false;
  let pause: { readonly seconds: number; readonly reason: string } | null = null;

  const claimName = (name: unknown): string => {
    if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME)
      throw new TypeError(`A step needs a name of 1 to ${MAX_NAME} characters, not ${String(name)}.`);
    if (used.has(name))
      throw new Error(
        `The name ${stringify(name)} is used by two steps of this job. Give each step a name of its own, such as ${stringify(`${name} 2`)}.`,
      );
    used.add(name);
    return name;
  };

  /** Ends the attempt when no step runs any more. The promise never settles. */
  const pauseJob = (seconds: number, reason: string): Promise<never> => {
    if (pause === null || seconds < pause.seconds) pause = { seconds, reason };
    endIfIdle();
    return new Promise<never>(() => {});
  };
  const endIfIdle = (): void => {
    if (pause !== null && running === 0) end({ outcome: 'pause', ...pause });
  };

  const wait = async (
    name: string,
    kind: 'sleep' | 'event',
    seconds: number,
    reason: string,
    details?: Json,
  ): Promise<Json> => {
    if (finished.has(name)) return copy(finished.get(name) ?? null);
    const answer = await ask({
      what: 'wait',
      name,
      kind,
      seconds,
      ...(details !== undefined && { details }),
    });
    return answer.done ? answer.result : await pauseJob(answer.waitSeconds, reason);
  };

  const waitFor = async (given: string, options: { readonly timeoutDays?: number } = {}): Promise<Json> => {
    const name = claimName(given);
    return await wait(name, 'event', timeoutOf(options, 'waitFor'), `Waits for ${stringify(name)}.`);
  };

  return {
    parents: parentsOf(memory.parents),
    async step(given, run) {
      const name = claimName(given);
      if (typeof run !== 'function')
        throw new TypeError(`context.step(${stringify(name)}, …) needs a function.`);
      // The handler's own type: what a step returned is JSON, and comes back the same.
      if (finished.has(name)) return copy(finished.get(name) ?? null) as never;
      const { pause: mustPause } = await ask({ what: 'begin', name });
      // Each attempt runs at least one step, so that the job comes to its end however short the runs are.
      if (mustPause && hasRun)
        return await pauseJob(0, `The time budget of the run was over before the step ${stringify(name)}.`);
      running += 1;
      hasRun = true;
      try {
        const started = performance.now();
        const returned: unknown = await run();
        const result =
          returned === undefined ? null : asJson(returned, `the result of the step ${stringify(name)}`);
        const seconds = (performance.now() - started) / 1000;
        return (await ask({ what: 'save', name, result, seconds })).result as never;
      } finally {
        running -= 1;
        endIfIdle();
      }
    },
    async sleep(given, length) {
      const name = claimName(given);
      await wait(name, 'sleep', secondsOf(length), `Sleeps in ${stringify(name)}.`);
    },
    waitFor,
    async approval({ title, details, name: given = 'approval', timeoutDays }) {
      const name = claimName(given);
      if (typeof title !== 'string' || title.trim() === '')
        throw new TypeError('context.approval needs a title.');
      const shown = asJson({ title, ...(details !== undefined && { details }) }, 'what the approval shows');
      const seconds = timeoutOf({ ...(timeoutDays !== undefined && { timeoutDays }) }, 'approval');
      const event = await wait(name, 'event', seconds, `Waits for an approval: ${title}`, shown);
      return approvalOf(event);
    },
  };
}

const copy = (value: Json): Json => parse(stringify(value)) as Json;

/** An event of any form as an answer: only `approved: true` is a yes. */
function approvalOf(event: Json): Approval {
  const { approved, by, note } = Object(event) as Record<string, unknown>;
  return {
    approved: approved === true,
    by: typeof by === 'string' ? by : null,
    note: typeof note === 'string' ? note : null,
    timedOut: event === null,
  };
}

function parentsOf(list: Remembered['parents']): Readonly<Record<string, ParentResult>> {
  const parents = Object.create(null) as Record<string, ParentResult>;
  for (const { ref, job_id: jobId, name, status, result } of list)
    parents[ref] = Object.freeze({ jobId, name, status, result });
  return Object.freeze(parents);
}

function secondsOf(length: unknown): number {
  const { seconds = 0, minutes = 0, hours = 0, days = 0 } = Object(length) as Record<string, unknown>;
  const total = Number(seconds) + Number(minutes) * 60 + Number(hours) * 3600 + Number(days) * 86_400;
  if (total > 0 && total <= MAX_SECONDS) return total;
  throw new RangeError(
    `context.sleep takes { seconds, minutes, hours, days }, above 0 and at most a year in all, not ${stringify(length)}.`,
  );
}

function timeoutOf({ timeoutDays = 7 }: { readonly timeoutDays?: number }, call: string): number {
  if (typeof timeoutDays === 'number' && timeoutDays > 0 && timeoutDays <= 365) return timeoutDays * 86_400;
  throw new RangeError(
    `context.${call} takes timeoutDays above 0 and at most 365, not ${String(timeoutDays)}.`,
  );
}
