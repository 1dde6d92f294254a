import { createClient, type SupabaseClient } from '@supabase/supabase-js';

/** Which project the queue is in, and how requests to it identify themselves. */
export interface ClientOptions {
  /** `https://<project>.supabase.co`, without a path. */
  readonly url: string;
  /** The secret (service_role) key, or a token of a role that may do less. */
  readonly key: string;
  /** The project's public key, if `key` is a token: the gateway accepts only its own keys in `apikey`. */
  readonly publishableKey?: string | null;
  /** `cloud-jobs/<version>`, for the project's API logs. */
  readonly clientInfo: string;
  /** Called for every request that is sent. */
  readonly onRequest?: () => void;
}

/** The code of the error that stands for a redirect; its message is the origin that the redirect leads to. */
export const REDIRECTED = 'REDIRECTED';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The client of a project's Data API. Only its `rpc` is used. */
export function openClient({
  url,
  key,
  publishableKey,
  clientInfo,
  onRequest,
}: ClientOptions): SupabaseClient {
  return createClient(url, publishableKey ?? key, {
    accessToken: async () => key,
    global: {
      headers: { 'x-client-info': clientInfo, 'user-agent': clientInfo },
      fetch: async (input, init) => {
        onRequest?.();
        // A redirect would send the key to another origin, so none is followed.
        const response = await fetch(input, { ...init, redirect: 'manual' });
        return REDIRECTS.has(response.status) ? redirected(response, url) : response;
      },
    },
  });
}

/** A redirect as an error reply that supabase-js passes on. */
function redirected(response: Response, url: string): Response {
  const location = response.headers.get('location') ?? '';
  const target = URL.canParse(location, url) ? new URL(location, url).origin : 'an address that is not valid';
  return Response.json({ code: REDIRECTED, message: target }, { status: response.status });
}
