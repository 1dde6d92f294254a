import { type FunctionOptions, type FunctionResult, runFunction } from './function-run.ts';

/**
 * The worker as an AWS Lambda function: each invocation is one run. Its time is that of the function; what still runs
 * shortly before the end goes back to the queue.
 */
export type { FunctionOptions, FunctionResult };

/** The part of Lambda's context that is used. */
export interface LambdaContext {
  getRemainingTimeInMillis(): number;
}

/** Makes the handler of a function; `SUPABASE_URL` and `SUPABASE_SECRET_KEY` come from the environment. */
export function createHandler(
  options: FunctionOptions = {},
): (event: unknown, context: LambdaContext) => Promise<FunctionResult> {
  return (_event, context) => runFunction(options, context.getRemainingTimeInMillis() / 1000, process.env);
}
