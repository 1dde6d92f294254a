/**
 * What can go wrong between a worker and its Supabase project, sorted by what to do about it.
 * Codes of Postgres, PostgREST and the platform differ between versions, so they are matched in sets.
 */
export type QueueErrorCode =
  /** Nothing answered: DNS, connection, timeout. */
  | 'unreachable'
  /** Something answered that cannot serve now: restart, overload, gateway. */
  | 'unavailable'
  /** The key is not one of this project's. */
  | 'unauthorized'
  /** The key's role may not do this. */
  | 'forbidden'
  /** The project is paused. */
  | 'paused'
  /** The project is over its quota or overdue. */
  | 'quota'
  /** The functions of cloud-jobs are not in the database, or not in this form. */
  | 'schema_missing'
  /** They are, in a version that this code cannot use. */
  | 'schema_mismatch'
  /** The URL answers, but not as a Supabase Data API does. */
  | 'not_supabase'
  /** The database looked at what was asked and said no. */
  | 'refused'
  /** A reply that this code does not understand. */
  | 'unexpected_reply';

export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly code: QueueErrorCode;
  /** Whether the same request may succeed a little later. Every request is idempotent, so it may be sent again. */
  readonly retryable: boolean;
  /** SQLSTATE or PGRST code where there was one. */
  readonly sqlState: string | undefined;

  constructor(
    code: QueueErrorCode,
    message: string,
    options: { retryable?: boolean; sqlState?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? (code === 'unreachable' || code === 'unavailable');
    this.sqlState = options.sqlState;
  }
}

/** What supabase-js hands back for a request that failed. Any field may be missing when a gateway answered. */
export interface FailedReply {
  readonly status: number;
  readonly error: {
    readonly code?: string | null;
    readonly message?: string | null;
    readonly details?: string | null;
    readonly hint?: string | null;
  };
}

/** Faults of the moment: too many connections, locks, timeouts, shutdown, a schema cache being loaded. */
const TRANSIENT_STATES = /^(08|53|57|40|55P03|58|XX|PGRST00[0-3])/;

const oneLine = (text: string, limit = 300): string => {
  const line = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
};

/**
 * Turns a failed reply into an error that says what to do.
 * @param fn the SQL function that was called
 * @param host the host of the project's URL, for the text
 */
export function classify(fn: string, host: string, reply: FailedReply): QueueError {
  const { status, error } = reply;
  const state = error.code ?? '';
  const said = oneLine(error.message ?? '');
  const fail = (code: QueueErrorCode, message: string, retryable?: boolean): QueueError =>
    new QueueError(code, message, {
      sqlState: state || undefined,
      ...(retryable === undefined ? {} : { retryable }),
    });

  if (status === 0) return fail('unreachable', `Cannot reach ${host}: ${networkCause(error)}.`);
  if (state === 'PT426') return fail('schema_mismatch', joinHint(said, error.hint));
  if (/^PT4/.test(state) || state === 'PT400') return fail('refused', joinHint(said, error.hint));
  if (status === 540) {
    return fail(
      'paused',
      `The Supabase project at ${host} is paused. Resume it in the dashboard; the jobs are kept.`,
    );
  }
  if (status === 402) {
    return fail(
      'quota',
      `The Supabase project at ${host} is over its quota or overdue (HTTP 402: ${said}). See its Usage and Billing pages.`,
    );
  }
  if (state === '42501') {
    return fail(
      'forbidden',
      `The key may not call ${fn} (${said}). Use the secret (service_role) key; if it is that one, run sql/install.sql again, which sets the grants.`,
    );
  }
  if (state === 'PGRST202' || state === '42883') {
    return fail(
      'schema_missing',
      `The function ${fn} is not in the database at ${host}, or not in this form.`,
    );
  }
  if (TRANSIENT_STATES.test(state)) {
    return fail('unavailable', `The database at ${host} cannot answer now (${state}: ${said}).`, true);
  }
  if (status === 401 || status === 403) {
    return fail(
      'unauthorized',
      `${host} does not accept the key (HTTP ${status}: ${said}). Copy the secret key again from Project Settings > API Keys of this very project.`,
    );
  }
  if (status === 408 || status === 429 || status >= 500) {
    return fail('unavailable', `${host} answered HTTP ${status}${said ? `: ${said}` : ''}.`, true);
  }
  if (status === 404 || state === '') {
    return fail(
      'not_supabase',
      `${host} answered HTTP ${status}, but not as a Supabase Data API does${said ? `: ${said}` : ''}. Check the project URL: https://<project>.supabase.co`,
    );
  }
  return fail('refused', joinHint(`${said} (${state})`, error.hint));
}

function joinHint(message: string, hint: string | null | undefined): string {
  return hint ? `${message} ${oneLine(hint)}` : message;
}

/** The words for a network failure, without the stack trace that supabase-js puts into `details`. */
function networkCause(error: FailedReply['error']): string {
  const text = `${error.message ?? ''} ${error.details ?? ''} ${error.hint ?? ''}`;
  if (/ENOTFOUND|EAI_AGAIN/.test(text)) return 'the host name does not resolve. Check the project URL';
  if (/ECONNREFUSED/.test(text)) return 'the connection is refused';
  if (/ECONNRESET|other side closed|UND_ERR_SOCKET/.test(text))
    return 'the connection was closed in the middle';
  if (/CERT|certificate|SSL/i.test(text)) return 'its TLS certificate is not accepted';
  if (/AbortError|TimeoutError|timeout/i.test(text)) return 'no answer in time';
  return oneLine(error.message ?? 'network error', 120).replace(/\.$/, '');
}
