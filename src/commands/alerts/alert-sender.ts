import type { Queue } from '../../queue/queue.ts';
import { describeError } from '../../text/describe-error.ts';
import { type AlertChannel, AlertError } from './channel.ts';

/** How often a worker that stays looks for alerts. */
const EVERY_MS = 60_000;
/** Messages about one subject follow one another, so one look may not find all. */
const MOST_ROUNDS = 10;

export interface AlertSenderDeps {
  readonly queue: Pick<Queue, 'alertTake' | 'alertDone'>;
  readonly instanceId: string;
  readonly queues: readonly string[];
  readonly warn: (message: string) => void;
  readonly everyMs?: number;
}

/** What a run warns about, as an alert. */
export interface RunWarning {
  readonly subject: string;
  readonly error: string;
}

/**
 * Sends what the outbox in the database holds: what this run adds, and what a run before could not send. Never fails a run:
 * what cannot be sent now is a warning, and the next worker tries again.
 */
export class AlertSender implements AsyncDisposable {
  readonly #channels: readonly AlertChannel[];
  readonly #deps: AlertSenderDeps;
  #timer: ReturnType<typeof setInterval> | null = null;
  #turn: Promise<void> = Promise.resolve();

  constructor(channels: readonly AlertChannel[], deps: AlertSenderDeps) {
    this.#channels = channels;
    this.#deps = deps;
  }

  /** Registers the channels, so that the database records what fails from now on, and sends what is left from before. */
  async start(): Promise<void> {
    if (this.#channels.length === 0) return;
    await this.flush();
    this.#timer = setInterval(() => void this.flush(), this.#deps.everyMs ?? EVERY_MS);
    this.#timer.unref();
  }

  /** Sends what is due. Calls take turns. */
  flush(warnings: readonly RunWarning[] = []): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      for (const channel of this.#channels) {
        await this.#send(channel, warnings).catch((error: unknown) =>
          this.#deps.warn(
            `Alerts were not sent and are tried again by the next run: ${describeError(error)}`,
          ),
        );
      }
    });
    return this.#turn;
  }

  async #send(channel: AlertChannel, warnings: readonly RunWarning[]): Promise<void> {
    const { queue, instanceId, queues, warn } = this.#deps;
    let added = warnings;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const { alerts } = await queue.alertTake(instanceId, channel.name, queues, added, channel.hold);
      added = [];
      if (alerts.length === 0) return;
      for (const alert of alerts) {
        try {
          const { issueNumber } = await channel.send(alert);
          await queue.alertDone(instanceId, channel.name, [
            { id: alert.id, sent: true, issue_number: issueNumber },
          ]);
        } catch (error) {
          if (!(error instanceof AlertError)) throw error;
          warn(`The alert about ${JSON.stringify(alert.subject)} was not sent: ${error.message}`);
          await queue.alertDone(instanceId, channel.name, [
            {
              id: alert.id,
              sent: false,
              error: error.message,
              retry_seconds: error.retrySeconds ?? undefined,
            },
          ]);
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#turn;
  }
}
