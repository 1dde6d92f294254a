import { QueueError } from '../queue/errors.ts';
import type { ClaimedJob } from '../queue/job.ts';
import type { ClaimReply } from '../queue/replies.ts';
import type { ClaimRequest } from '../queue/requests.ts';
import type { Patience } from '../queue/rpc.ts';
import { describeError } from '../text/describe-error.ts';
import type { Attempt } from './attempt.ts';
import type { Ending, Finished } from './finish-item.ts';
import { type Outgoing, type RecordDeps, record } from './record.ts';
import { type ExecutionReport, executionReport } from './report.ts';

/** What every claim of a worker asks for. */
export interface ClaimOptions {
  readonly queues: readonly string[];
  readonly jobTypes: readonly string[];
  readonly lockSeconds: number;
  readonly runUrl: string | null;
  readonly trigger: string | null;
}

export interface ExchangeDeps extends RecordDeps {
  readonly newId: () => string;
  /** Called for each attempt that was recorded, or whose lock turned out to be lost. */
  readonly onRecorded: (attempt: Attempt, report: ExecutionReport) => void;
  /** Called for each claim that was answered, after its jobs stopped counting as asked for. */
  readonly onClaimed: (claim: ClaimReply, limit: number) => void;
}

/** An attempt that ended and is not recorded yet. */
export interface EndedAttempt {
  readonly attempt: Attempt;
  readonly ending: Ending;
  readonly finished: Finished;
  readonly at: number;
}

interface HandBack {
  readonly job: ClaimedJob;
  readonly reason: string;
}

/** The most jobs that the attempts of one request spawn: many more could take longer than a request may. */
const MOST_SPAWNED = 5_000;

/** How many of the attempts go into one request, at least one. */
function countWithin(ended: readonly EndedAttempt[]): number {
  let spawned = 0;
  const beyond = ended.findIndex(({ finished }, index) => {
    spawned += finished.item.spawn?.length ?? 0;
    return index > 0 && spawned > MOST_SPAWNED;
  });
  return beyond === -1 ? ended.length : beyond;
}

/**
 * The worker's side of the exchange with the database: keeps what is to be recorded or handed back, sends it together
 * with the next claim, and keeps it if the request fails.
 */
export class Exchange {
  readonly #options: ClaimOptions;
  readonly #deps: ExchangeDeps;
  #ended: EndedAttempt[] = [];
  #handBack: HandBack[] = [];
  /** The executions of requests under way. */
  readonly #sending = new Set<string>();
  /** Claims whose replies were lost. They may have been applied. */
  #unanswered: ClaimRequest[] = [];
  #requests = 0;
  #asked = 0;

  constructor(options: ClaimOptions, deps: ExchangeDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Requests under way. */
  get requests(): number {
    return this.#requests;
  }

  /** Jobs that the requests under way ask for. */
  get asked(): number {
    return this.#asked;
  }

  /** Attempts that ended and are not under way to the database. */
  get ended(): number {
    return this.#ended.length;
  }

  /** When the first of them ended; Infinity without any. */
  get oldestEnded(): number {
    return this.#ended[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  get handBacks(): number {
    return this.#handBack.length;
  }

  /** Nothing is to be sent, and no request is under way. */
  get isIdle(): boolean {
    return this.#requests + this.#ended.length + this.#handBack.length === 0;
  }

  /** The executions that ended and may still hold their locks. */
  get executionIds(): string[] {
    return [...this.#ended.map(({ attempt }) => attempt.job.execution_id), ...this.#sending];
  }

  addEnded(ended: EndedAttempt): void {
    this.#ended.push(ended);
  }

  handBack(jobs: readonly ClaimedJob[], reason: string): void {
    for (const job of jobs) this.#handBack.push({ job, reason });
  }

  /**
   * Records what has ended, hands back what is to be, and claims up to `limit` jobs, in one call.
   * @throws QueueError if the request fails for good; everything is then kept
   */
  async send(limit: number, patience: Patience): Promise<void> {
    const ended = this.#ended.slice(0, countWithin(this.#ended));
    const handBack = this.#handBack;
    const claim = limit > 0 ? this.#claimRequest(limit) : null;
    const outgoing: Outgoing[] = [
      ...ended.map(({ finished }) => ({ item: finished.item, finished })),
      ...handBack.map(({ job, reason }) => ({
        item: { execution_id: job.execution_id, outcome: 'release', error: reason } as const,
        finished: null,
      })),
    ];
    this.#ended = this.#ended.slice(ended.length);
    this.#handBack = [];
    for (const { item } of outgoing) this.#sending.add(item.execution_id);
    this.#requests += 1;
    this.#asked += limit;
    let reply: Awaited<ReturnType<typeof record>>;
    try {
      reply = await record(outgoing, claim, patience, this.#deps);
    } catch (error) {
      this.#ended = [...ended, ...this.#ended];
      this.#handBack = [...handBack, ...this.#handBack];
      if (claim) this.#unanswered.push(claim);
      throw error;
    } finally {
      this.#requests -= 1;
      this.#asked -= limit;
      for (const { item } of outgoing) this.#sending.delete(item.execution_id);
    }
    for (const { attempt, ending, finished } of ended) {
      const id = attempt.job.execution_id;
      const sent = reply.replaced.get(id) ?? finished;
      this.#deps.onRecorded(
        attempt,
        executionReport(attempt.job, ending, sent, reply.answers.get(id) ?? null),
      );
    }
    if (reply.claim) this.#deps.onClaimed(reply.claim, limit);
  }

  /**
   * Sends everything for the last time: what is left is a warning, and other workers take it up when its locks expire.
   * @param reason why jobs of claims whose replies were lost are handed back
   */
  async close(reason: string, patience: Patience): Promise<void> {
    const unanswered = await this.#settleUnansweredClaims(reason, patience);
    try {
      while (this.#ended.length + this.#handBack.length > 0) await this.send(0, patience);
      if (unanswered !== null) throw unanswered;
    } catch (error) {
      const left = this.#ended.length + this.#handBack.length;
      const what =
        left > 0
          ? `${left} jobs could not be recorded or handed back`
          : 'Jobs that a claim may have taken could not be handed back';
      this.#deps.warn(
        `${what} (${describeError(error)}) Their locks expire within ${this.#options.lockSeconds} s, and they are tried again then.`,
      );
    }
  }

  /**
   * Ends the exchange after its first call failed. A try of that call may have been applied all the same, so its jobs
   * are handed back if the database answers now; if it does not, no job is known to be held.
   */
  async giveUp(error: unknown, patience: Patience): Promise<void> {
    if (!(error instanceof QueueError) || error.code === 'unreachable') return;
    await this.#settleUnansweredClaims(describeError(error), patience);
    if (this.#handBack.length > 0) await this.send(0, patience).catch(() => {});
  }

  /**
   * Sends the claims again whose replies were lost, and marks the jobs that they hold to be handed back.
   * @returns the error of one that was not answered; null if all were
   */
  async #settleUnansweredClaims(reason: string, patience: Patience): Promise<unknown> {
    const { queue, instanceId } = this.#deps;
    const claims = this.#unanswered;
    this.#unanswered = [];
    let failure: unknown = null;
    const ask = async (claim: ClaimRequest): Promise<void> => {
      try {
        this.handBack((await queue.claim(instanceId, claim, patience)).jobs, reason);
      } catch (error) {
        this.#unanswered.push(claim);
        failure ??= error;
      }
    };
    await Promise.all(claims.map(ask));
    return failure;
  }

  #claimRequest(limit: number): ClaimRequest {
    const { queues, jobTypes, lockSeconds, runUrl, trigger } = this.#options;
    return { limit, queues, jobTypes, lockSeconds, runUrl, trigger, requestId: this.#deps.newId() };
  }
}
