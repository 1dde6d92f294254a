import { PostgrestClient } from '@supabase/postgrest-js';
import { httpFetch } from './http-fetch.ts';
import { LightHeaders } from './light-headers.ts';

export interface ClientOptions {
  /** `https://<project>.supabase.co`, no path. */
  readonly url: string;
  /** The secret (service_role) key. It goes into two headers and nowhere else. */
  readonly key: string;
  /** The project's public key, where `key` is a token of another role: the gateway wants one of its own keys. */
  readonly publishableKey?: string | null;
  /** `cloud-jobs/<version>`, for the project's API logs. */
  readonly clientInfo: string;
  /** Told of every request, to count them. */
  readonly onRequest?: () => void;
}

/** The one thing that is asked of a client: to call a SQL function, and to stop when told to. */
export interface Client {
  rpc(
    fn: string,
    args: Record<string, unknown>,
  ): { abortSignal(signal: AbortSignal): PromiseLike<RpcResult> };
}

export interface RpcResult {
  readonly data: unknown;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: string;
    readonly hint: string;
  } | null;
  readonly status: number;
}

/**
 * The client for the next call. The first one, with which most runs end, goes through the part of supabase-js that its
 * `rpc` hands each call to, with the headers that it gives it: all of supabase-js (signing in, files, channels) takes
 * about as long to load as Node does to start. What comes after it goes through supabase-js.
 */
export function createClients(options: ClientOptions): () => Promise<Client> {
  useLightHeaders();
  let first = true;
  let rest: Promise<Client> | undefined;
  return () => {
    if (first) {
      first = false;
      return Promise.resolve(firstClient(options));
    }
    rest ??= supabaseClient(options);
    return rest;
  };
}

function firstClient({ url, key, publishableKey, clientInfo, onRequest }: ClientOptions): Client {
  return new PostgrestClient(new URL('rest/v1', url).href, {
    headers: {
      apikey: publishableKey ?? key,
      Authorization: `Bearer ${key}`,
      'x-client-info': clientInfo,
    },
    fetch: counted(onRequest),
    schema: 'public',
  });
}

async function supabaseClient({
  url,
  key,
  publishableKey,
  clientInfo,
  onRequest,
}: ClientOptions): Promise<Client> {
  const { createClient } = await import('@supabase/supabase-js');
  return createClient(url, publishableKey ?? key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    // It would look for Node's own, which loads Node's fetch. Nothing here opens a channel.
    realtime: { transport: NoChannel as never },
    global: {
      headers: { 'x-client-info': clientInfo, ...(publishableKey ? { Authorization: `Bearer ${key}` } : {}) },
      fetch: counted(onRequest),
    },
  });
}

class NoChannel {
  constructor() {
    throw new Error('cloud-jobs opens no channels.');
  }
}

function counted(onRequest: (() => void) | undefined): typeof fetch {
  return (input, init) => {
    onRequest?.();
    return httpFetch(input, init);
  };
}

/**
 * The client makes a `Headers` for each call, and the first look at Node's own loads Node's fetch with it, which takes
 * longer than the rest of an idle run. Fetch itself does not care which one is global.
 */
function useLightHeaders(): void {
  // Assigned, not defined: defining a property looks at the one before.
  globalThis.Headers = LightHeaders as unknown as typeof Headers;
}
