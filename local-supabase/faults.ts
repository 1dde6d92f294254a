/**
 * A fault that the gateway makes on purpose, for tests of what a client does about it.
 * - `answer`: the gateway answers by itself; the request never reaches PostgREST (540 of a paused project, an
 *   HTML page, an empty 404, ...).
 * - `cut`: the connection is cut before PostgREST sees the request.
 * - `lose-reply`: PostgREST does the work and commits; the connection is cut instead of the reply.
 * - `delay`: goes on as usual after that many milliseconds.
 */
export type Fault =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'cut' }
  | { readonly kind: 'lose-reply' }
  | { readonly kind: 'delay'; readonly milliseconds: number };

/** Decides for each request, by method and path below `/rest/v1`, whether it meets a fault. */
export type FaultRule = (request: { readonly method: string; readonly path: string }) => Fault | undefined;
