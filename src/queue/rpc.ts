import pRetry from 'p-retry';
import type { z } from 'zod';
import { type ClientOptions, openClient } from './client.ts';
import { classify, QueueError } from './errors.ts';

/** Calls a SQL function through the Data API and checks the reply. */
export type Rpc = <T>(
  fn: string,
  args: Record<string, unknown>,
  reply: z.ZodType<T>,
  patience?: Patience,
) => Promise<T>;

/** How long to go on with a request that fails for the moment. */
export interface Patience {
  /** While nothing answers at all (DNS, connection, silence), in milliseconds. */
  readonly networkMs: number;
  /** While something answers that it cannot serve now, in milliseconds. */
  readonly serverMs: number;
  /** Gives up at once when it aborts. */
  readonly signal?: AbortSignal;
}

/** For a command that a person waits for: a wrong URL is told within 10 seconds. */
export const FOR_A_PERSON: Patience = { networkMs: 8_000, serverMs: 25_000 };

/** PostgREST cancels a statement after 8 s, so an answer later than this is not coming. */
const REQUEST_TIMEOUT_MS = 12_000;

const SHORTEST_TRY_MS = 1_500;

/**
 * Opens the way to a project's SQL functions. Nothing is sent yet.
 *
 * supabase-js never repeats an RPC, and a lost reply is this project's special fault: the request may have been
 * applied. Every function that is called here is idempotent, so this repeats whatever may pass.
 * @throws QueueError from each call, never the raw error of the client
 */
export function createRpc(options: ClientOptions): Rpc {
  const host = new URL(options.url).host;
  const client = openClient(options);

  async function once<T>(
    fn: string,
    args: Record<string, unknown>,
    reply: z.ZodType<T>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const { data, error, status } = await client
      .rpc(fn, args)
      .abortSignal(signal ? AbortSignal.any([signal, timeout]) : timeout);
    if (error) throw classify(fn, host, { status, error });
    const parsed = reply.safeParse(data);
    if (parsed.success) return parsed.data;
    // supabase-js takes a 404 with an empty or array body for success: such a reply is no envelope.
    const version = (data as { v?: unknown } | null)?.v;
    if (typeof version === 'number' && version > 1) {
      throw new QueueError(
        'schema_mismatch',
        `${fn} answers in form ${version}, which this release does not know. Use the release that the database's schema was installed from.`,
      );
    }
    const seen = JSON.stringify(data)?.slice(0, 120) ?? 'nothing';
    throw new QueueError(
      data === null || Array.isArray(data) ? 'not_supabase' : 'unexpected_reply',
      `${host} answered ${fn} with ${seen}, which is not what cloud-jobs in the database says. Check the project URL, and that sql/install.sql is installed.`,
      { cause: parsed.error },
    );
  }

  return async (fn, args, reply, patience = FOR_A_PERSON) => {
    const started = performance.now();
    const left = (ms: number): number => ms - (performance.now() - started);
    const limit = (error: QueueError): number =>
      error.code === 'unreachable' ? patience.networkMs : patience.serverMs;
    return await pRetry(
      () =>
        once(
          fn,
          args,
          reply,
          Math.ceil(Math.min(REQUEST_TIMEOUT_MS, Math.max(SHORTEST_TRY_MS, left(patience.networkMs)))),
          patience.signal,
        ),
      {
        retries: 1_000,
        minTimeout: 200,
        maxTimeout: 5_000,
        factor: 2,
        randomize: true,
        // A retry that would come after the limit is not waited for.
        shouldRetry: ({ error, retryDelay }) =>
          error instanceof QueueError &&
          error.retryable &&
          !patience.signal?.aborted &&
          left(limit(error)) > retryDelay + 500,
        ...(patience.signal ? { signal: patience.signal } : {}),
      },
    );
  };
}
