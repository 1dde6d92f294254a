/**
 * What can go wrong between a worker and its Supabase project, sorted by what to do about it. The value says how long
 * the same request is worth repeating; every request is idempotent, so it may be sent again.
 */
const PERSISTENCE = {
  /** Nothing answers: DNS, connection, timeout. */
  unreachable: 'network',
  /** The project cannot serve now: restart, overload, gateway, a clock that is behind, a database that is read-only. */
  unavailable: 'server',
  /** The key is not one of this project's. */
  unauthorized: 'doubt',
  /** The key's role may not do this. */
  forbidden: 'doubt',
  /** The project is paused. */
  paused: 'doubt',
  /** The project is over its quota or overdue. */
  quota: 'doubt',
  /** The functions of cloud-jobs are not in the database, or not in this form. */
  schema_missing: 'doubt',
  /** The Data API does not serve the schema `public`. */
  schema_hidden: 'doubt',
  /** The URL answers, but not as a Supabase Data API does. */
  not_supabase: 'doubt',
  /** The URL redirects to another one. */
  redirected: 'doubt',
  /** A reply that this code does not understand. */
  unexpected_reply: 'doubt',
  /** The schema has a version that this code cannot use. */
  schema_mismatch: 'never',
  /** The database understood the request and refused it. */
  refused: 'never',
} as const;

export type QueueErrorCode = keyof typeof PERSISTENCE;

/**
 * How long a request is worth repeating: `network` while nothing answers, `server` while the project cannot serve,
 * `doubt` for an answer that mostly means a wrong URL, key or schema, and sometimes a bad moment of the platform.
 */
export type Persistence = (typeof PERSISTENCE)[QueueErrorCode];

export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;
  /** SQLSTATE or PGRST code, if there was one. */
  readonly sqlState: string | undefined;

  constructor(
    code: QueueErrorCode,
    message: string,
    options: { sqlState?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.sqlState = options.sqlState;
  }

  get persistence(): Persistence {
    return PERSISTENCE[this.code];
  }
}
