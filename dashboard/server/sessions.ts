import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** How long a session lasts without a request. */
const SESSION_MS = 12 * 60 * 60 * 1000;
/** Wrong passwords that are accepted within a minute before further ones are refused unread. */
const ATTEMPTS_PER_MINUTE = 10;

const newToken = (): string => randomBytes(32).toString('base64url');

/** Compares without revealing by its duration how much of the text is right. */
function equal(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/**
 * Who is signed in. A browser signs in once, with the one-time token that the command line put into the URL, or with
 * the password; after that a cookie names its session. Sessions live in memory and end with the process.
 */
export class Sessions {
  readonly #password: string | null;
  readonly #sessions = new Map<string, number>();
  #oneTimeToken: string | null;
  #attempts: number[] = [];

  /** @param password signs in anyone who knows it; null if only the one-time token does */
  constructor(password: string | null) {
    this.#password = password;
    this.#oneTimeToken = password === null ? newToken() : null;
  }

  /** The token for the URL that is opened; null if a password is used instead. */
  get oneTimeToken(): string | null {
    return this.#oneTimeToken;
  }

  /** Whether a request without a session brings the password, as a monitoring system does. */
  knows(secret: string): boolean {
    return this.#password !== null && this.#isRight(secret);
  }

  #isRight(secret: string): boolean {
    const now = Date.now();
    this.#attempts = this.#attempts.filter((at) => at > now - 60_000);
    if (this.#attempts.length >= ATTEMPTS_PER_MINUTE) return false;
    const expected = this.#password ?? this.#oneTimeToken;
    if (expected !== null && equal(secret, expected)) return true;
    this.#attempts.push(now);
    return false;
  }

  /** @returns the id of a new session, or null if the secret is wrong or there were too many attempts */
  signIn(secret: string): string | null {
    if (!this.#isRight(secret)) return null;
    this.#oneTimeToken = null;
    const id = newToken();
    this.#sessions.set(id, Date.now());
    return id;
  }

  /** Whether the session is known and not too old. Using it keeps it. */
  has(id: string | undefined): boolean {
    const usedAt = id === undefined ? undefined : this.#sessions.get(id);
    if (id === undefined || usedAt === undefined) return false;
    if (usedAt < Date.now() - SESSION_MS) {
      this.#sessions.delete(id);
      return false;
    }
    this.#sessions.set(id, Date.now());
    return true;
  }

  end(id: string | undefined): void {
    if (id !== undefined) this.#sessions.delete(id);
  }
}
