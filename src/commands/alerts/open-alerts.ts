import type { CommandContext } from '../command.ts';
import type { RunInput } from '../run.ts';
import { AlertSender } from './alert-sender.ts';
import type { AlertChannel } from './channel.ts';
import { issueChannel } from './issue-channel.ts';
import { webhookChannel } from './webhook-channel.ts';

export const ALERTS = ['issue', 'webhook'] as const;

type AlertInput = Pick<
  RunInput,
  'alert' | 'alertWebhookUrl' | 'alertWebhookSecret' | 'alertFormat' | 'githubToken' | 'queues'
>;

/** The alerts of a run. Without the input `alert` it sends nothing and asks nothing. */
export function openAlerts(
  input: AlertInput,
  { queue, github, warn, now }: Pick<CommandContext, 'queue' | 'github' | 'warn' | 'now'>,
  instanceId: string,
): AlertSender {
  const channels: AlertChannel[] = [];
  if (input.alert?.includes('issue')) {
    const repository = github(input.githubToken);
    if (repository) channels.push(issueChannel(repository));
    else warn('`alert` issue was left out: GITHUB_REPOSITORY does not name the repository of the issues.');
  }
  const url = input.alertWebhookUrl;
  if (input.alert?.includes('webhook') && url !== undefined) {
    const format = input.alertFormat ?? (new URL(url).hostname === 'hooks.slack.com' ? 'slack' : 'plain');
    channels.push(webhookChannel({ url, secret: input.alertWebhookSecret ?? null, format, now }));
  }
  return new AlertSender(channels, { queue, instanceId, queues: input.queues, warn });
}
