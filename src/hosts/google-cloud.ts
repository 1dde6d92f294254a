import { type FunctionOptions, type FunctionResult, runFunction } from './function-run.ts';
import { type Headers, isSignedCall, WAKE_SECRET } from './wake-signature.ts';

/**
 * The worker as an HTTP function for `@google-cloud/functions-framework`: each request is one run, answered with its
 * counts. Deploy it without public access, since everyone who can call it can make it run; or with CLOUD_JOBS_WAKE_SECRET, and
 * it answers only calls that the database signed.
 */
export type { FunctionOptions, FunctionResult };

export interface GoogleOptions extends FunctionOptions {
  /** The timeout that the function is deployed with, in seconds. Default: 60, as Google's. */
  readonly timeoutSeconds?: number;
}

/** The part of a request of the framework that is used. */
export interface HttpRequest {
  readonly headers?: Headers;
  readonly rawBody?: Uint8Array;
}

/** The part of an Express response that is used. */
export interface HttpResponse {
  status(code: number): HttpResponse;
  json(body: unknown): unknown;
}

/** Makes an HTTP function; `SUPABASE_URL` and `SUPABASE_SECRET_KEY` come from the environment. */
export function createHandler({
  timeoutSeconds = 60,
  ...options
}: GoogleOptions = {}): (request: HttpRequest, response: HttpResponse) => Promise<void> {
  return async ({ headers = {}, rawBody = new Uint8Array() }, response) => {
    const secret = process.env[WAKE_SECRET];
    if (secret && !isSignedCall(headers, rawBody, secret)) {
      response.status(401).json({ error: `The call is not signed with ${WAKE_SECRET}.` });
      return;
    }
    try {
      response.json(await runFunction(options, timeoutSeconds, process.env));
    } catch (error) {
      // A status of 500 makes the scheduler report the fault.
      response.status(500).json({ error: (error as Error).message });
    }
  };
}
