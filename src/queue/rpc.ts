import pRetry from 'p-retry';
import type { z } from 'zod';
import { classify } from './classify.ts';
import { type ClientOptions, openClient } from './client.ts';
import { type Persistence, QueueError } from './errors.ts';

/** Calls a SQL function through the Data API and checks the reply. */
export type Rpc = <T>(
  fn: string,
  args: Record<string, unknown>,
  reply: z.ZodType<T>,
  patience?: Patience,
) => Promise<T>;

/** How long to repeat a request that fails, by the kind of failure, in milliseconds. */
export interface Patience {
  /** While nothing answers at all. */
  readonly networkMs: number;
  /** While the project answers that it cannot serve now. */
  readonly serverMs: number;
  /** While it gives an answer that mostly means a wrong URL, key or schema. */
  readonly doubtMs: number;
  /** How long one try may take. */
  readonly requestMs?: number;
  /** Stops the request at once when it aborts. */
  readonly signal?: AbortSignal;
}

/** For a command that a person waits for: a wrong URL or key is reported within 10 seconds. */
export const FOR_A_PERSON: Patience = { networkMs: 8_000, serverMs: 60_000, doubtMs: 3_000 };

/** PostgREST cancels a statement after 8 s, so the client waits longer than that: the server knows more about why. */
const REQUEST_TIMEOUT_MS = 12_000;

/**
 * Opens the way to a project's SQL functions. Nothing is sent yet. supabase-js never repeats an RPC, whose reply may be
 * lost after it was applied; every function that is called here is idempotent, so this repeats whatever may pass.
 * @throws QueueError from each call, never the raw error of the client
 */
export function createRpc(options: ClientOptions): Rpc {
  const host = new URL(options.url).host;
  const client = openClient(options);

  return async (fn, args, reply, patience = FOR_A_PERSON) => {
    const started = performance.now();
    const limits: Readonly<Record<Persistence, number>> = {
      network: patience.networkMs,
      server: patience.serverMs,
      doubt: patience.doubtMs,
      never: 0,
    };
    const call = async () => {
      const timeout = AbortSignal.timeout(patience.requestMs ?? REQUEST_TIMEOUT_MS);
      const signal = patience.signal ? AbortSignal.any([patience.signal, timeout]) : timeout;
      const { data, error, status } = await client.rpc(fn, args).abortSignal(signal);
      if (error || status >= 300) throw classify(fn, host, { status, error });
      return readReply(fn, host, data, reply);
    };
    return await pRetry(call, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 200,
      maxTimeout: 5_000,
      factor: 2,
      randomize: true,
      // A retry that would come after the limit is not waited for.
      shouldRetry: ({ error, retryDelay }) =>
        error instanceof QueueError &&
        !patience.signal?.aborted &&
        performance.now() - started + retryDelay < limits[error.persistence],
      ...(patience.signal ? { signal: patience.signal } : {}),
    });
  };
}

function readReply<T>(fn: string, host: string, data: unknown, reply: z.ZodType<T>): T {
  const parsed = reply.safeParse(data);
  if (parsed.success) return parsed.data;
  const version = (data as { v?: unknown } | null)?.v;
  if (typeof version === 'number' && version > 1) {
    throw new QueueError(
      'schema_mismatch',
      `${fn} answers in form ${version}, which this release does not know. Use the release that the database's schema was installed from.`,
    );
  }
  const [issue] = parsed.error.issues;
  const place = issue && issue.path.length > 0 ? ` (wrong at ${issue.path.join('.')}: ${issue.message})` : '';
  // supabase-js takes a 404 with an empty body, or with an array, for success: such a reply is no envelope.
  throw new QueueError(
    data === null || Array.isArray(data) ? 'not_supabase' : 'unexpected_reply',
    `${host} answered ${fn} with ${excerpt(data)}${place}, which is not a reply of cloud-jobs. Check the project URL, and that sql/install.sql is installed.`,
  );
}

/** The start of a reply, which may be nested too deeply to be written out. */
function excerpt(data: unknown): string {
  try {
    return (JSON.stringify(data) ?? 'nothing').slice(0, 120).toWellFormed();
  } catch {
    return 'a value that is nested too deeply';
  }
}
