import type { Alert } from '../../queue/control-replies.ts';

/** A place that alerts go to. */
export interface AlertChannel {
  /** Names it in the database. Holds no secret. */
  readonly name: string;
  /** How long another message about a subject that is known to fail waits, as Postgres reads it. */
  readonly hold: string;
  /**
   * Sends one alert. The same alert may come again, if a reply was lost or a worker died.
   * @returns the number of the issue that now stands for the subject
   * @throws AlertError
   */
  send(alert: Alert): Promise<{ readonly issueNumber?: number }>;
}

/** An alert could not be sent; the message says why and holds no secret. */
export class AlertError extends Error {
  override readonly name = 'AlertError';
  /** When the receiver wants it to be tried again; null for the usual pause. */
  readonly retrySeconds: number | null;
  constructor(message: string, retrySeconds: number | null = null) {
    super(message);
    this.retrySeconds = retrySeconds;
  }
}

/** What a receiver asks for by Retry-After, in seconds, at most an hour. */
export const retryAfter = (header: string | null | undefined): number | null => {
  const seconds = Number(header ?? Number.NaN);
  return seconds > 0 ? Math.min(seconds, 3600) : null;
};
