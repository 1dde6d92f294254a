import type { Calls } from '../server/calls.ts';

/** A call that the server refused, or that did not reach it. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** What the server says of this browser's session. */
export interface Session {
  readonly readOnly: boolean;
  readonly version: string;
}

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new CallError('The dashboard does not answer. Is the command still running?', 0);
  }
  const reply = (await response.json().catch(() => ({}))) as { error?: string };
  if (!response.ok)
    throw new CallError(reply.error ?? `The server answered ${response.status}.`, response.status);
  return reply as T;
}

/** Calls the queue through the server. */
export const call = <Name extends keyof Calls>(
  name: Name,
  input: Calls[Name]['input'],
  signal?: AbortSignal,
): Promise<Calls[Name]['output']> => post(`/api/call/${name}`, input, signal);

export const session = (): Promise<Session> => post('/api/session', {});
export const signIn = (secret: string): Promise<unknown> => post('/api/sign-in', { secret });
export const signOut = (): Promise<unknown> => post('/api/sign-out', {});
