import { type FunctionOptions, type FunctionResult, runFunction } from './function-run.ts';
import { type Headers, isSignedCall, WAKE_SECRET } from './wake-signature.ts';

/**
 * The worker as an AWS Lambda function: each invocation is one run. Its time is that of the function; what still runs
 * shortly before the end goes back to the queue. At a function URL it answers only calls that the database signed, or
 * that AWS has authorised.
 */
export type { FunctionOptions, FunctionResult };

/** The part of Lambda's context that is used. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** The answer to an unsigned call of the function URL. */
export interface LambdaRefusal {
  readonly statusCode: 401;
  readonly body: string;
}

/** The part of the event of a function URL that is used. */
interface UrlEvent {
  readonly requestContext: { readonly http?: unknown; readonly authorizer?: unknown };
  readonly headers?: Headers;
  readonly body?: string;
  readonly isBase64Encoded?: boolean;
}

/** Makes the handler of a function; `SUPABASE_URL` and `SUPABASE_SECRET_KEY` come from the environment. */
export function createHandler(
  options: FunctionOptions = {},
): (event: unknown, context: LambdaContext) => Promise<FunctionResult | LambdaRefusal> {
  return async (event, context) =>
    isRefused(event)
      ? { statusCode: 401, body: `The call is not signed with ${WAKE_SECRET}.` }
      : await runFunction(options, context.getRemainingTimeInMillis() / 1000, process.env);
}

/** Schedules and other callers inside of AWS send no HTTP request; AWS has authorised them. */
function isRefused(event: unknown): boolean {
  if (typeof event !== 'object' || event === null || !('requestContext' in event)) return false;
  const { requestContext, headers = {}, body = '', isBase64Encoded = false } = event as UrlEvent;
  if (requestContext?.http === undefined || requestContext.authorizer !== undefined) return false;
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  return !isSignedCall(headers, bytes, process.env[WAKE_SECRET]);
}
