import { createHmac, randomBytes } from 'node:crypto';

/** The keys of one project, in both generations that a hosted project has today. */
export interface ProjectKeys {
  /** HS256 secret that PostgREST checks every JWT with. */
  readonly jwtSecret: string;
  /** Legacy key: a JWT of role `anon`. */
  readonly anonKey: string;
  /** Legacy key: a JWT of role `service_role`. */
  readonly serviceKey: string;
  /** Opaque key of role `anon`, `sb_publishable_...`. */
  readonly publishableKey: string;
  /** Opaque key of role `service_role`, `sb_secret_...`. */
  readonly secretKey: string;
  /** A JWT as a signed-in user carries it (role `authenticated`). It is a token, not an API key. */
  readonly authenticatedKey: string;
}

const TEN_YEARS_SECONDS = 10 * 365 * 24 * 60 * 60;

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Signs `claims` as a JWT with HS256 and the given secret. Adds nothing to the claims. */
export function signJwt(claims: Readonly<Record<string, unknown>>, secret: string): string {
  const head = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(claims)}`;
  return `${head}.${createHmac('sha256', secret).update(head).digest('base64url')}`;
}

/** Signs a JWT of one database role as a project's own keys are made: issuer `supabase`, valid for ten years. */
export function signRoleKey(
  role: string,
  secret: string,
  now: Date,
  more: Record<string, unknown> = {},
): string {
  const iat = Math.floor(now.getTime() / 1000);
  return signJwt({ iss: 'supabase', role, iat, exp: iat + TEN_YEARS_SECONDS, ...more }, secret);
}

/** Makes a new set of keys. `random` returns that many random bytes. */
export function createKeys(now: Date, random: (bytes: number) => Buffer = randomBytes): ProjectKeys {
  // PostgREST wants at least 32 characters; hosted projects have 40 random bytes.
  const jwtSecret = random(40).toString('base64url');
  return {
    jwtSecret,
    anonKey: signRoleKey('anon', jwtSecret, now),
    serviceKey: signRoleKey('service_role', jwtSecret, now),
    publishableKey: `sb_publishable_${random(24).toString('base64url')}`,
    secretKey: `sb_secret_${random(24).toString('base64url')}`,
    authenticatedKey: signRoleKey('authenticated', jwtSecret, now, {
      aud: 'authenticated',
      sub: '00000000-0000-4000-8000-000000000001',
    }),
  };
}
