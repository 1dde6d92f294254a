import { createHmac, timingSafeEqual } from 'node:crypto';

/** Recognises the calls of sql/optional/wake.sql, which are signed as Standard Webhooks are. */

/** The variable with the secret that the database has in Vault. */
export const WAKE_SECRET = 'CLOUD_JOBS_WAKE_SECRET';
/** A call that was recorded on its way is good for this long. */
const TOLERANCE_SECONDS = 300;

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * @param headers with names in lower case
 * @param body as it was sent
 */
export function isSignedCall(
  headers: Headers,
  body: string | Uint8Array,
  secret: string | undefined,
  now: Date = new Date(),
): boolean {
  const id = headers['webhook-id'];
  const sentAt = headers['webhook-timestamp'];
  const given = headers['webhook-signature'];
  if (!secret || typeof id !== 'string' || typeof sentAt !== 'string' || typeof given !== 'string')
    return false;
  if (!/^\d{1,12}$/.test(sentAt)) return false;
  if (Math.abs(now.getTime() / 1000 - Number(sentAt)) > TOLERANCE_SECONDS) return false;
  const right = createHmac('sha256', secret).update(`${id}.${sentAt}.`).update(body).digest();
  // A header may hold several signatures, as while a secret is replaced.
  return given.split(' ').some((part) => {
    const [version, text = ''] = part.split(',', 2);
    const signature = Buffer.from(text, 'base64');
    return version === 'v1' && signature.length === right.length && timingSafeEqual(signature, right);
  });
}
