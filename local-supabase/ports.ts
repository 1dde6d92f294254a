import { once } from 'node:events';
import { createServer } from 'node:net';
import { messageOf } from './message-of.ts';

export const LOOPBACK = '127.0.0.1';

/** A port that was free a moment ago. Another process may take it first, so the caller must be ready to ask again. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port could be found.');
  return address.port;
}

/**
 * Says early, before anything slow is started, that a wanted port cannot be had.
 * @throws Error that names the port and what to do.
 */
export async function assertPortFree(port: number): Promise<void> {
  const server = createServer();
  try {
    server.listen(port, LOOPBACK);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  } catch (cause) {
    throw portError(port, cause);
  }
}

/** Error for a port that cannot be listened on, with the reason in plain words. */
export function portError(port: number, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const why =
    code === 'EADDRINUSE'
      ? 'is used by another program'
      : code === 'EACCES'
        ? 'may not be used by this user (ports below 1024 belong to root)'
        : `cannot be used (${messageOf(cause)})`;
  return new Error(`Port ${port} ${why}. Choose another with --port, or leave it out for any free port.`, {
    cause,
  });
}

/** Whether a program's last words say that its port was taken before it could bind it. */
export function saysPortTaken(tail: string): boolean {
  return /address already in use|resource busy/i.test(tail);
}
