import { createHash, createHmac } from 'node:crypto';
import type { Alert } from '../../queue/control-replies.ts';
import { plural } from '../../text/format.ts';
import { headline } from '../../text/headline.ts';
import { type AlertChannel, AlertError, retryAfter } from './channel.ts';

const TIMEOUT_MS = 10_000;

export interface WebhookOptions {
  readonly url: string;
  /** Signs each request; null for none. */
  readonly secret: string | null;
  readonly format: 'plain' | 'slack';
  readonly now: () => Date;
}

/**
 * Posts alerts as JSON, signed as https://www.standardwebhooks.com says: `webhook-id` is the same however often an alert is
 * sent, so a receiver can leave out what it has seen.
 */
export function webhookChannel({ url, secret, format, now }: WebhookOptions): AlertChannel {
  const digest = createHash('sha256').update(url).digest('hex').slice(0, 16);
  return {
    // The path of such an address is often a secret.
    name: `webhook ${new URL(url).host} ${digest}`,
    hold: '1 hour',
    async send(alert) {
      const body = JSON.stringify(format === 'slack' ? slackMessage(alert) : plainMessage(alert));
      const timestamp = Math.floor(now().getTime() / 1000);
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'cloud-jobs',
        'webhook-id': alert.id,
        'webhook-timestamp': String(timestamp),
        ...(secret !== null && { 'webhook-signature': signature(secret, alert.id, timestamp, body) }),
      };
      const response = await fetch(url, {
        method: 'POST',
        body,
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch(() => {
        throw new AlertError(`The webhook at ${new URL(url).host} did not answer.`);
      });
      await response.body?.cancel();
      if (!response.ok) {
        throw new AlertError(
          `The webhook at ${new URL(url).host} answered HTTP ${response.status}.`,
          retryAfter(response.headers.get('retry-after')),
        );
      }
      return {};
    },
  };
}

/** A secret that begins with whsec_ is in Base64; any other is used as it is. */
function signature(secret: string, id: string, timestamp: number, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}

function plainMessage({ id, at, is_new: _, issue_number: __, ...data }: Alert) {
  const { kind, action } = data;
  if (kind !== 'approval') return { type: `${kind}.${action}`, id, timestamp: at, data };
  const state = action === 'failed' ? 'waiting' : 'decided';
  return { type: `${kind}.${state}`, id, timestamp: at, data: { ...data, action: state } };
}

function slackMessage(alert: Alert): { readonly text: string } {
  const { subject, queue, failures, error, run_url: run } = alert;
  const name = `*${slackText(subject)}*`;
  const link = run === null ? '' : ` <${run.replace(/[<>|\s]/g, '')}|Run>`;
  const more = error === null ? '' : `\n>${slackText(headline(error).slice(0, 500))}`;
  if (alert.kind === 'approval')
    return {
      text:
        alert.action === 'failed'
          ? `:raised_hand: A decision is needed: ${name}${more}`
          : `:white_check_mark: Decided: ${name}`,
    };
  if (alert.action === 'recovered') return { text: `:white_check_mark: ${name} is well again.${link}` };
  const count = failures > 1 ? ` (${plural(failures, 'failure')})` : '';
  return alert.kind === 'run'
    ? { text: `:warning: ${name}${count}${link}${more}` }
    : { text: `:x: ${name} failed in queue ${slackText(queue)}${count}.${link}${more}` };
}

/** Slack reads three characters, and stars and underscores beside words. */
const slackText = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[*_~`]/g, (sign) => `${sign}\u200b`);
