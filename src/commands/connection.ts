import { z } from 'zod';
import { isPrivateHost } from './private-host.ts';

/** The Supabase project that holds the jobs, and the key for it. */
export interface Connection {
  /** Origin of the Supabase project without a slash at its end. */
  readonly url: string;
  /** Secret (service_role) key. Never to be printed. */
  readonly key: string;
  /**
   * The project's publishable (anon) key. The gateway requires it beside a token of a role that may do less; null for
   * the project's own keys.
   */
  readonly publishableKey: string | null;
}

const WHERE_URL = 'Copy it from the Supabase dashboard: Project Settings > Data API > Project URL.';
const WHERE_KEY = 'Use the secret (service_role) key from Project Settings > API Keys.';

/** The project URL; its problems are to be read after the option's name and value. */
export const urlSchema = () =>
  z.string().transform((text, context): string => {
    const fail = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const given = text.trim();
    if (/^\*+$/.test(given)) return fail(`is a masked value, not an address. ${WHERE_URL}`);
    if (/^(sb_|eyJ)/.test(given))
      return fail(`is a key, not an address: are supabase-url and supabase-key swapped?`);
    if (/^postgres(ql)?:/i.test(given)) {
      return fail(`is the address of the database; this needs the address of the API. ${WHERE_URL}`);
    }
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(given)) {
      const host = /^[\w.-]+(:\d+)?(\/.*)?$/.test(given) ? given : '<project>.supabase.co';
      return fail(
        `has no scheme: write https://${host.includes('.') || host.includes(':') ? host : `${host}.supabase.co`}`,
      );
    }
    if (!URL.canParse(given)) return fail(`is not a valid address. ${WHERE_URL}`);
    const url = new URL(given);
    const project = /^\/dashboard\/project\/([a-z0-9]+)/.exec(url.pathname)?.[1];
    if (/(^|\.)supabase\.com$/.test(url.hostname)) {
      const wanted =
        project === undefined ? 'https://<project>.supabase.co' : `https://${project}.supabase.co`;
      return fail(`is a page of the dashboard, not the project's API: use ${wanted}`);
    }
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      return fail(`must start with https://. ${WHERE_URL}`);
    if (url.protocol === 'http:' && !isPrivateHost(url.hostname)) {
      return fail(`would send the key unencrypted: write https://${url.host}`);
    }
    if (url.username !== '' || url.password !== '') {
      return fail('holds a user name or password: leave them out, the key goes in supabase-key.');
    }
    if (url.search !== '' || url.hash !== '' || !/^\/(rest\/v1\/?)?$/.test(url.pathname)) {
      return fail(`has something after the host that does not belong there: use ${url.origin}`);
    }
    return url.origin;
  });

/** The key; its problems are to be read after the option's name, and never hold the key itself. */
export const keySchema = () =>
  z.string().transform((text, context): string => {
    const fail = (message: string) => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const key = text.trim();
    if (/^\*+$/.test(key)) return fail(`is a masked value, not a key. ${WHERE_KEY}`);
    if (/^[a-z]+:\/\//i.test(key)) return fail(`is an address, not a key. ${WHERE_KEY}`);
    if (/\s/.test(key)) return fail(`has white space in its middle, so it is not one key. ${WHERE_KEY}`);
    if (key.startsWith('sbp_'))
      return fail(`is a personal access token, which the project's API refuses. ${WHERE_KEY}`);
    const weak = weakKind(key);
    if (weak !== null) return fail(`is the ${weak} key: it can read nothing here. ${WHERE_KEY}`);
    return key;
  });

/** The publishable key; its problems are to be read after the option's name, and never hold the key itself. */
export const publishableKeySchema = () =>
  z.string().transform((text, context): string => {
    const key = text.trim();
    if (weakKind(key) === 'publishable' || weakKind(key) === 'anon') return key;
    // It would be sent to the server as a public key.
    context.addIssue({
      code: 'custom',
      message:
        'is not the publishable (sb_publishable_...) or anon key. It is in Project Settings > API Keys.',
    });
    return z.NEVER;
  });

/** The role of a token that is not one of Supabase's own keys; null for those. */
export function limitedRole(key: string): string | null {
  const role = claimsOf(key)?.role;
  return typeof role === 'string' && role !== 'service_role' ? role : null;
}

function weakKind(key: string): string | null {
  if (key.startsWith('sb_publishable_')) return 'publishable';
  const role = claimsOf(key)?.role;
  return role === 'anon' || role === 'authenticated' ? role : null;
}

/** The payload of a JWT. It is not verified, so it is used for messages only. */
function claimsOf(key: string): Readonly<Record<string, unknown>> | null {
  const parts = key.split('.');
  if (parts.length !== 3 || !key.startsWith('eyJ')) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'));
    return claims !== null && typeof claims === 'object' ? { ...claims } : null;
  } catch {
    // Not a JWT: the project's API decides about it.
    return null;
  }
}

/** Why the URL and the key are of different projects (a JWT names its project), or null. */
export function mismatch(connection: Connection): string | null {
  const ref = claimsOf(connection.key)?.ref;
  const project = /^https:\/\/([a-z0-9]{20})\.supabase\.co$/.exec(connection.url)?.[1];
  if (typeof ref !== 'string' || !/^[a-z0-9]{20}$/.test(ref) || project === undefined || ref === project)
    return null;
  return `supabase-key belongs to the project ${ref}, but supabase-url is that of ${project}: take both from one project.`;
}

/** Whether a key looks like one of the two kinds that Supabase issues. */
export function looksLikeKey(key: string): boolean {
  return /^sb_secret_[A-Za-z0-9_-]+$/.test(key) || claimsOf(key) !== null;
}
