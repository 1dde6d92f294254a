import { serveStatic } from '@hono/node-server/serve-static';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { getCookie, setCookie } from 'hono/cookie';
import { secureHeaders } from 'hono/secure-headers';
import { z } from 'zod';
import type { Queue } from '../../src/queue/queue.ts';
import { describeError } from '../../src/text/describe-error.ts';
import { OPEN_METRICS_TYPE, openMetrics } from '../../src/text/open-metrics.ts';
import { type Asked, calls, isCall } from './calls.ts';
import { Sessions } from './sessions.ts';

/**
 * The dashboard's server: serves the page and forwards a fixed list of typed calls to the queue. The browser never
 * sees the Supabase key. Pages of other origins can do nothing here: the Host header has to be one of ours (DNS
 * rebinding), every call is a POST with JSON whose Origin has to match, and the session cookie is SameSite=Strict.
 */
export interface DashboardOptions {
  readonly queue: Queue;
  /** Refuses every call that changes something. */
  readonly readOnly: boolean;
  /** Signs in with this instead of a one-time token. */
  readonly password: string | null;
  /** A header in which a trusted proxy names the user, who then needs no password. */
  readonly userHeader: string | null;
  /** Host names (without port) under which the server may be asked for; null accepts any. */
  readonly hosts: readonly string[] | null;
  readonly describeConfigs: Asked['describeConfigs'];
  /** Folder of the built page. */
  readonly pageDir: string;
  readonly version: string;
}

const COOKIE = 'cloud_jobs_session';
/** A config of 256 KiB, and the rest of a call. */
const MAX_BODY = 512 * 1024;
const signInBody = z.object({ secret: z.string().max(1000) });

/** The page runs only its own code, and no other page may embed it. */
const securityHeaders = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: 'DENY',
  referrerPolicy: 'no-referrer',
  crossOriginOpenerPolicy: 'same-origin',
  crossOriginResourcePolicy: 'same-origin',
  strictTransportSecurity: false,
});

/** @returns the app, and its sessions for the command that opens the browser */
export function createDashboard(options: DashboardOptions): { app: Hono; sessions: Sessions } {
  const sessions = new Sessions(options.password);
  const app = new Hono();
  app.use(securityHeaders, onlyOn(options.hosts));
  app.use(
    '/api/*',
    bodyLimit({ maxSize: MAX_BODY, onError: (c) => c.json({ error: 'The request is too large.' }, 413) }),
    onlyOwnPage,
  );
  addSessions(app, sessions, options);
  app.post('/api/call/:name', (c) => forward(c, options));
  app.get('/metrics', (c) => scrape(c, sessions, options));
  app.get('/healthz', (c) => c.text('ok'));
  app.use('/assets/*', async (c, next) => {
    await next();
    // The names of these files hold a digest of their content.
    if (c.res.ok) c.header('Cache-Control', 'public, max-age=31536000, immutable');
  });
  app.use('/assets/*', serveStatic({ root: options.pageDir }));
  app.get('*', serveStatic({ root: options.pageDir, path: 'index.html' }));
  return { app, sessions };
}

/** Answers only requests for one of these host names; null accepts any. */
function onlyOn(hosts: DashboardOptions['hosts']): MiddlewareHandler {
  return async (c, next) => {
    const host = hostName(c.req.header('host'));
    if (hosts === null || (host !== null && hosts.includes(host))) return await next();
    return c.json(
      { error: 'This host name is not served here. Open the address that the command printed.' },
      421,
    );
  };
}

/** Answers only calls that this server's page makes. */
const onlyOwnPage: MiddlewareHandler = async (c, next) => {
  c.header('Cache-Control', 'no-store');
  if (c.req.method !== 'POST' || !/^application\/json\b/.test(c.req.header('content-type') ?? '')) {
    return c.json({ error: 'Calls are POST requests with JSON.' }, 405);
  }
  const origin = c.req.header('origin');
  if (origin === undefined || originHost(origin) !== c.req.header('host')) {
    return c.json({ error: 'This page belongs to another origin.' }, 403);
  }
  return await next();
};

const isSignedIn = (c: Context, sessions: Sessions, { userHeader }: DashboardOptions): boolean =>
  (userHeader !== null && (c.req.header(userHeader) ?? '') !== '') || sessions.has(getCookie(c, COOKIE));

/** Answers a monitoring system, which brings the password instead of a session. */
async function scrape(c: Context, sessions: Sessions, options: DashboardOptions): Promise<Response> {
  c.header('Cache-Control', 'no-store');
  const password = passwordOf(c.req.header('authorization'));
  if (!isSignedIn(c, sessions, options) && (password === null || !sessions.knows(password))) {
    c.header('WWW-Authenticate', 'Basic realm="cloud-jobs"');
    return c.text(
      'Send the password of the dashboard, with basic authentication or as a bearer token.\n',
      401,
    );
  }
  try {
    return c.body(openMetrics(await options.queue.metrics()), 200, { 'Content-Type': OPEN_METRICS_TYPE });
  } catch (error) {
    return c.text(`${describeError(error)}\n`, 502);
  }
}

/** Adds signing in and out, and refuses calls without a session. */
function addSessions(app: Hono, sessions: Sessions, options: DashboardOptions): void {
  app.post('/api/sign-in', async (c) => {
    const body = signInBody.safeParse(await c.req.json().catch(() => null));
    const session = body.success ? sessions.signIn(body.data.secret) : null;
    if (session === null)
      return c.json({ error: 'That is not right. After ten attempts, wait a minute.' }, 401);
    setCookie(c, COOKIE, session, { httpOnly: true, sameSite: 'Strict', path: '/' });
    return c.json({ ok: true });
  });
  app.post('/api/sign-out', (c) => {
    sessions.end(getCookie(c, COOKIE));
    return c.json({ ok: true });
  });
  app.post('/api/session', (c) =>
    isSignedIn(c, sessions, options)
      ? c.json({ readOnly: options.readOnly, version: options.version })
      : c.json({ error: 'Please sign in.', password: options.password !== null }, 401),
  );
  app.use('/api/call/*', async (c, next) =>
    isSignedIn(c, sessions, options) ? await next() : c.json({ error: 'Please sign in.' }, 401),
  );
}

/** Checks the input of a call by its schema and forwards it to the queue. */
async function forward(
  c: Context,
  { queue, readOnly, userHeader, describeConfigs }: DashboardOptions,
): Promise<Response> {
  const name = c.req.param('name') ?? '';
  if (!isCall(name)) return c.json({ error: `There is no call ${JSON.stringify(name)}.` }, 404);
  const call = calls[name];
  if (call.writes && readOnly) return c.json({ error: 'This dashboard is read-only.' }, 403);
  const input = call.input.safeParse(await c.req.json().catch(() => undefined));
  if (!input.success) return c.json({ error: z.prettifyError(input.error) }, 400);
  try {
    const person = userHeader === null ? undefined : c.req.header(userHeader);
    return c.json(await call.run(queue, input.data as never, { describeConfigs, ...(person && { person }) }));
  } catch (error) {
    return c.json({ error: describeError(error) }, 502);
  }
}

/** The password of an Authorization header, basic (with any user) or bearer; null without one. */
function passwordOf(header: string | undefined): string | null {
  const [scheme = '', value = ''] = (header ?? '').split(' ');
  if (/^bearer$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return null;
  const pair = Buffer.from(value, 'base64').toString();
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : null;
}

/** The host name of a Host header, without its port; null if it is none. */
function hostName(header: string | undefined): string | null {
  try {
    return new URL(`http://${header ?? ''}`).hostname;
  } catch {
    return null;
  }
}

function originHost(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null;
  }
}
