import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { createDashboard, type DashboardOptions } from './app.ts';

/** What the `dashboard` command takes, besides the queue. */
export interface ServeOptions extends Omit<DashboardOptions, 'hosts'> {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly open: boolean;
  readonly print: (line: string) => void;
  /** Ends the server. */
  readonly stop: AbortSignal;
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** Whether only this machine can reach the address. */
export const isLoopback = (host: string): boolean => LOOPBACK.includes(host) || host === '::1';

/**
 * Serves the dashboard until `stop` aborts.
 * @throws Error if the address would let others in without a password, or cannot be listened on
 */
export async function serveDashboard(options: ServeOptions): Promise<void> {
  const loopback = isLoopback(options.host);
  if (!loopback && options.password === null && options.userHeader === null) {
    throw new Error(
      `--host ${options.host} lets other machines in. Set CLOUD_JOBS_DASHBOARD_PASSWORD, or name the header in which your proxy passes the signed-in user with --user-header.`,
    );
  }
  const { app, sessions } = createDashboard({ ...options, hosts: loopback ? LOOPBACK : null });
  const server = serve({ fetch: app.fetch, hostname: options.host, port: options.port });
  await Promise.race([
    once(server, 'listening'),
    once(server, 'error').then(([error]) => Promise.reject(error)),
  ]);
  const { port } = server.address() as AddressInfo;
  const name = options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host;
  const base = `http://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}/`;
  // A fragment is not sent to servers and does not appear in their logs.
  const url = sessions.oneTimeToken === null ? base : `${base}#token=${sessions.oneTimeToken}`;
  options.print(`Dashboard${options.readOnly ? ' (read-only)' : ''}: ${url}`);
  if (sessions.oneTimeToken !== null) options.print('The link works once. Ctrl-C stops the dashboard.');
  if (options.open) openBrowser(url);
  if (!options.stop.aborted) await once(options.stop, 'abort');
  server.close();
  if ('closeAllConnections' in server) server.closeAllConnections();
}

/** Opens the address in the user's browser. If there is none, the printed address remains. */
function openBrowser(url: string): void {
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [url]]
      : process.platform === 'win32'
        ? ['rundll32', ['url.dll,FileProtocolHandler', url]]
        : ['xdg-open', [url]];
  const child = spawn(command as string, args as string[], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}
