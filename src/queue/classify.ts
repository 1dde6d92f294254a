import { REDIRECTED } from './client.ts';
import { QueueError, type QueueErrorCode } from './errors.ts';
import { networkCause } from './network-cause.ts';
import { oneLine } from './one-line.ts';

/**
 * Turns a failed reply into an error that says what to do. Codes of Postgres, PostgREST and the platform differ between
 * versions, so they are matched in sets.
 */

/** What supabase-js returns for a request that failed. A gateway may have sent anything in the place of the error. */
export interface FailedReply {
  readonly status: number;
  readonly error: unknown;
}

interface Facts {
  /** The SQL function that was called. */
  readonly fn: string;
  /** The host of the project's URL. */
  readonly host: string;
  readonly status: number;
  /** SQLSTATE or PGRST code; empty if there was none. */
  readonly state: string;
  readonly said: string;
  readonly hint: string;
  /** It is a page for people, which something between here and the Data API has sent. */
  readonly isPage: boolean;
}

type Verdict = readonly [code: QueueErrorCode, message: string];

export function classify(fn: string, host: string, reply: FailedReply): QueueError {
  const { status } = reply;
  const field = (name: string): string => {
    const value = (reply.error as Readonly<Record<string, unknown>> | null)?.[name];
    return typeof value === 'string' ? value : '';
  };
  if (status === 0) {
    const text = ['message', 'details', 'hint'].map(field).join(' ');
    return new QueueError('unreachable', networkCause(host, text));
  }
  const facts = {
    fn,
    host,
    status,
    state: field('code'),
    said: oneLine(field('message')),
    hint: oneLine(field('hint')),
    isPage: /^\s*<(!doctype|html)/i.test(field('message')),
  };
  const [code, message] = byState(facts) ?? byStatus(facts) ?? otherwise(facts);
  return new QueueError(code, message, { sqlState: facts.state || undefined });
}

/** Whether a code is one that Postgres gives to an error, which means that the database has seen the request. */
const isSqlState = (state: string): boolean => /^[0-9A-Z]{5}$/.test(state);

/**
 * SQLSTATE classes and codes of faults that pass: connections, resources, locks, shutdown, a schema cache that is
 * loading, a pooler that mixed up prepared statements.
 */
const PASSING_STATES = /^(08|25|26000|40|42P05|53|55P03|57|58|XX|PGRST00[0-3])/;
/** What Postgres says, with a code of its own kind, of statements that were prepared before the schema changed. */
const OLD_PLAN = /cached plan must not change result type/;

function byState(facts: Facts): Verdict | null {
  const { fn, host, state, said } = facts;
  switch (true) {
    case state === REDIRECTED:
      return [
        'redirected',
        `${host} redirects to ${said}, and the key is sent to no other address. Check the project URL: https://<project>.supabase.co`,
      ];
    case state === 'PT426':
      return ['schema_mismatch', withHint(said, facts)];
    case state.startsWith('PT4'):
      return ['refused', withHint(said, facts)];
    case /^PGRST30/.test(state) && /issued ?at ?future|not ?yet ?valid/i.test(said):
      return [
        'unavailable',
        `${host} says that the key's token was issued in the future (${state}: ${said}). Its servers disagree about the time, which passes within seconds; if the key is a token that you made, check the clock of the machine that made it.`,
      ];
    case state === '25006':
      return [
        'unavailable',
        `The database at ${host} is read-only (${state}: ${said}). Supabase does that if the disk is full or a quota is used up: see Database > Reports and the Usage page of the project, free or add space, and leave read-only mode.`,
      ];
    case state === '53100':
      return [
        'unavailable',
        `The disk of the database at ${host} is full (${state}: ${said}). Free or add space.`,
      ];
    case state === '57014':
      return [
        'unavailable',
        `The database at ${host} cancelled ${fn}, because it took longer than the statement timeout (${state}: ${said}). The database is overloaded, or the timeout of its API roles is too short.`,
      ];
    case PASSING_STATES.test(state) || OLD_PLAN.test(said):
      return ['unavailable', `The database at ${host} cannot answer now (${state}: ${said}).`];
    case state === 'PGRST106':
      return [
        'schema_hidden',
        `The Data API of ${host} does not serve the schema "public" (${state}: ${said}). Add it in the Supabase dashboard: Project Settings > Data API > Exposed schemas.`,
      ];
    case state === '42501':
      return [
        'forbidden',
        `The key may not call ${fn} (${said}). Use the secret (service_role) key; if it is that one, run sql/install.sql again, which sets the grants.`,
      ];
    case ['PGRST202', 'PGRST203', 'PGRST205', '42883', '42P01', '42703'].includes(state):
      return [
        'schema_missing',
        `The function ${fn} is not in the database at ${host}, or not in this form (${state}: ${said}).`,
      ];
    default:
      return null;
  }
}

function byStatus({ host, status, said, isPage }: Facts): Verdict | null {
  switch (true) {
    case status === 540:
      return [
        'paused',
        `The Supabase project at ${host} is paused. Resume it in the dashboard; the jobs are kept.`,
      ];
    case status === 402:
      return [
        'quota',
        `The Supabase project at ${host} is over its quota or overdue (HTTP 402: ${said}). See its Usage and Billing pages.`,
      ];
    case (status === 401 || status === 403) && !isPage:
      return [
        'unauthorized',
        `${host} does not accept the key (HTTP ${status}: ${said}). Copy the secret key again from Project Settings > API Keys of this very project.`,
      ];
    case status === 408 || status === 425 || status === 429 || status >= 500:
      return ['unavailable', `${host} answered HTTP ${status}${said ? `: ${said}` : ''}.`];
    default:
      return null;
  }
}

function otherwise(facts: Facts): Verdict {
  const { fn, host, status, state, said } = facts;
  if (isSqlState(state)) return ['refused', withHint(`${said} (${state})`, facts)];
  if (state.startsWith('PGRST')) {
    return ['unexpected_reply', `The Data API of ${host} did not understand ${fn} (${state}: ${said}).`];
  }
  if (status < 300 && /^[[{"]/.test(said)) {
    return ['unexpected_reply', `The answer of ${host} to ${fn} is cut off or is not valid JSON.`];
  }
  const words = said ? `: ${said}` : '';
  return [
    'not_supabase',
    `${host} answered HTTP ${status}, but not as a Supabase Data API does${words}. Check the project URL: https://<project>.supabase.co`,
  ];
}

const withHint = (message: string, { hint }: Facts): string => (hint ? `${message} ${hint}` : message);
