import type { ProjectKeys } from './keys.ts';

export interface GatewayRequest {
  /** Value of the header or URL parameter `apikey`. */
  readonly apikey: string | undefined;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
}

export type KeyDecision =
  | { readonly pass: true; readonly authorization: string }
  | {
      readonly pass: false;
      readonly status: 401;
      readonly body: { readonly message: string; readonly hint: string };
    };

const refused = (message: string, hint: string): KeyDecision => ({
  pass: false,
  status: 401,
  body: { message, hint },
});

/**
 * Supabase's rule from API key to database role: which Authorization header a request goes on with, or why it does
 * not. A user's own token in Authorization wins; else the key decides; opaque keys are swapped for a JWT.
 * Sources: supabase/cli start.go (the rule); the gateway of hosted projects (texts of the first two refusals; the
 * text of the third is from memory).
 */
export function decide(keys: ProjectKeys, { apikey, authorization, userAgent }: GatewayRequest): KeyDecision {
  if (!apikey) {
    return refused('No API key found in request', 'No `apikey` request header or url param was found.');
  }
  const jwts = new Map([
    [keys.anonKey, keys.anonKey],
    [keys.publishableKey, keys.anonKey],
    [keys.serviceKey, keys.serviceKey],
    [keys.secretKey, keys.serviceKey],
  ]);
  const jwt = jwts.get(apikey);
  if (jwt === undefined) {
    return refused('Invalid API key', 'Double check your Supabase `anon` or `service_role` API key.');
  }
  if (apikey === keys.secretKey && userAgent !== undefined && /mozilla/i.test(userAgent)) {
    return refused(
      'Forbidden use of secret API key in browser',
      'Secret API keys can only be used in a protected environment and should never be used in a browser.',
    );
  }
  const own = authorization !== undefined && authorization !== '' && !authorization.startsWith('Bearer sb_');
  return { pass: true, authorization: own ? authorization : `Bearer ${jwt}` };
}
