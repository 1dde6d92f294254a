import { AsyncLocalStorage } from 'node:async_hooks';
import type { Approval, JobContext, ParentResult } from '../../index.ts';
import type { Wait } from '../../queue/step-replies.ts';
import type { Json } from '../../queue/types.ts';
import type { HandlerOutcome } from '../handler.ts';
import { asJson } from './json.ts';
import type { Answer, Question, Remembered } from './protocol.ts';

/** The durable part of a handler's context: steps, pauses, events, and what its parents returned. */

const MAX_NAME = 200;
const MAX_SECONDS = 365 * 24 * 60 * 60;
const { parse, stringify } = JSON;

/** The name of the step whose function runs. */
const inside = new AsyncLocalStorage<string>();

/**
 * Refuses a call that has no effect once the step that makes it is finished, or that would wait for that step to end.
 * @throws Error
 */
export function refuseInsideStep(call: string): void {
  const name = inside.getStore();
  if (name === undefined) return;
  throw new Error(
    `context.${call} was called inside the step ${stringify(name)}, which a later attempt does not run again. Call it before or after that step.`,
  );
}

export interface StepsOptions {
  readonly memory: Remembered;
  /** Asks the worker. Rejects with what the handler should see. */
  ask(question: Question): Promise<Answer>;
  /** Ends the attempt in place of the handler, whose code does not go on. */
  end(outcome: HandlerOutcome): void;
}

export type Durable = Pick<JobContext, 'parents' | 'step' | 'sleep' | 'waitFor' | 'approval'>;

/** The part of the context that outlives an attempt. Its functions work without the context: `const { step } = context`. */
export function createSteps(options: StepsOptions): Durable {
  const steps = new Steps(options);
  return {
    parents: parentsOf(options.memory.parents),
    // The handler's own type: what a step returned is JSON, and comes back the same.
    step: async (name, run) => {
      refuseInsideStep('step');
      return (await steps.step(name, run)) as never;
    },
    sleep: async (name, length) => {
      refuseInsideStep('sleep');
      return await steps.sleep(name, length);
    },
    waitFor: async (name, { timeoutDays } = {}) => {
      refuseInsideStep('waitFor');
      return await steps.waitFor(name, timeoutDays);
    },
    approval: async (approval) => {
      refuseInsideStep('approval');
      return await steps.approval(approval);
    },
  };
}

class Steps {
  readonly #ask: StepsOptions['ask'];
  readonly #end: StepsOptions['end'];
  /** Results of steps that earlier attempts finished. */
  readonly #finished: ReadonlyMap<string, Json>;
  readonly #usedNames = new Set<string>();
  #running = 0;
  #hasRunOne = false;
  #pause: { readonly seconds: number; readonly reason: string } | null = null;

  constructor({ memory, ask, end }: StepsOptions) {
    this.#ask = ask;
    this.#end = end;
    this.#finished = new Map(memory.steps.map(({ name, result }) => [name, result]));
  }

  async step(given: unknown, run: unknown): Promise<Json> {
    const name = this.#claimName(given);
    if (typeof run !== 'function')
      throw new TypeError(`context.step(${stringify(name)}, …) needs a function.`);
    const known = this.#finished.get(name);
    if (known !== undefined) return copy(known);
    const { pause: mustPause } = await this.#ask({ what: 'begin', name });
    // Each attempt runs at least one step, so that the job comes to its end however short the runs are.
    if (mustPause && this.#hasRunOne)
      return await this.#pauseJob(
        0,
        `The time budget of the run was over before the step ${stringify(name)}.`,
      );
    this.#running += 1;
    this.#hasRunOne = true;
    try {
      const started = performance.now();
      const returned: unknown = await inside.run(name, run as () => unknown);
      const result =
        returned === undefined ? null : asJson(returned, `the result of the step ${stringify(name)}`);
      const seconds = (performance.now() - started) / 1000;
      return (await this.#ask({ what: 'save', name, result, seconds })).result;
    } finally {
      this.#running -= 1;
      this.#endIfIdle();
    }
  }

  async sleep(given: unknown, length: unknown): Promise<void> {
    const name = this.#claimName(given);
    await this.#wait({ name, kind: 'sleep', seconds: secondsOf(length) }, `Sleeps in ${stringify(name)}.`);
  }

  async waitFor(given: unknown, timeoutDays?: number): Promise<Json> {
    const name = this.#claimName(given);
    const seconds = timeoutOf('waitFor', timeoutDays);
    return await this.#wait({ name, kind: 'event', seconds }, `Waits for ${stringify(name)}.`);
  }

  async approval(asked: Parameters<Durable['approval']>[0]): Promise<Approval> {
    const { title, details, name: given = 'approval', timeoutDays } = asked;
    const name = this.#claimName(given);
    if (typeof title !== 'string' || title.trim() === '')
      throw new TypeError('context.approval needs a title.');
    const shown = asJson({ title, ...(details !== undefined && { details }) }, 'what the approval shows');
    const seconds = timeoutOf('approval', timeoutDays);
    const wait = { name, kind: 'event', seconds, details: shown } as const;
    return approvalOf(await this.#wait(wait, `Waits for an approval: ${title}`));
  }

  #claimName(name: unknown): string {
    if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME)
      throw new TypeError(`A step needs a name of 1 to ${MAX_NAME} characters, not ${String(name)}.`);
    if (this.#usedNames.has(name))
      throw new Error(
        `The name ${stringify(name)} is used by two steps of this job. Give each step a name of its own, such as ${stringify(`${name} 2`)}.`,
      );
    this.#usedNames.add(name);
    return name;
  }

  /** @param reason why the job is not running meanwhile, for people */
  async #wait(wait: Wait, reason: string): Promise<Json> {
    const known = this.#finished.get(wait.name);
    if (known !== undefined) return copy(known);
    const answer = await this.#ask({ what: 'wait', ...wait });
    return answer.done ? answer.result : await this.#pauseJob(answer.waitSeconds, reason);
  }

  /** Ends the attempt once no step runs. The promise never settles: the handler's code does not go on. */
  #pauseJob(seconds: number, reason: string): Promise<never> {
    if (this.#pause === null || seconds < this.#pause.seconds) this.#pause = { seconds, reason };
    this.#endIfIdle();
    return new Promise<never>(() => {});
  }

  #endIfIdle(): void {
    if (this.#pause !== null && this.#running === 0) this.#end({ outcome: 'pause', ...this.#pause });
  }
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
  for (const { ref, job_id: jobId, name, status, result, left_out: leftOut = false } of list)
    parents[ref] = Object.freeze({ jobId, name, status, result, leftOut });
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

function timeoutOf(call: string, timeoutDays = 7): number {
  if (typeof timeoutDays === 'number' && timeoutDays > 0 && timeoutDays <= 365) return timeoutDays * 86_400;
  throw new RangeError(
    `context.${call} takes timeoutDays above 0 and at most 365, not ${String(timeoutDays)}.`,
  );
}
