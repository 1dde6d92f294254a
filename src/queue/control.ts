import {
  alertDoneReply,
  alertTakeReply,
  bulkReply,
  countReply,
  metricsReply,
  outcomesReply,
  overviewReply,
  papersReply,
  queueRatesReply,
  queuesReply,
  setQueueReply,
} from './control-replies.ts';
import type { BulkAction, JobChanges, JobFilter, QueueChanges } from './filter.ts';
import { listReply, verbReply } from './replies.ts';
import type { Rpc } from './rpc.ts';
import type { Json } from './types.ts';

/** Which papers to list. */
export interface PaperFilter {
  /** A part of the title or the abstract. */
  readonly search?: string | undefined;
  /** The `next` of the page before. */
  readonly before?: string | undefined;
  /** The job that found them first. */
  readonly jobId?: string | undefined;
}

export interface BulkOptions {
  /** Counts, and changes nothing. */
  readonly dryRun: boolean;
  /** Jobs of one batch, 1 to 1,000. */
  readonly limit: number;
  /** The `next` of the batch before. */
  readonly before?: string | undefined;
  /** For `retry`: jobs that become due in each minute. */
  readonly perMinute?: number | undefined;
  /** For `retry` with `perMinute`: jobs of the batches before. */
  readonly after?: number;
  /** For `retry`: merged into the config of each. */
  readonly config?: Json;
}

/** What became of an alert. */
export interface AlertResult {
  readonly id: string;
  readonly sent: boolean;
  readonly error?: string;
  /** When to try again; the usual pause unless given. */
  readonly retry_seconds?: number | undefined;
  readonly issue_number?: number | undefined;
}

/** The calls by which people look at the queue and control it. Each may be sent again after a lost reply. */
export const controlCalls = (call: Rpc) => ({
  /** One page of the jobs that match, newest first. */
  search: (filter: JobFilter, limit: number, before?: string) =>
    call('cloud_jobs_list', { filter_param: filter, limit_param: limit, before_param: before }, listReply),
  /** How many jobs match, by status; capped or estimated where the reply says so. */
  count: (filter: JobFilter) => call('cloud_jobs_count', { filter_param: filter }, countReply),
  /** Changes a job that does not run. */
  update: (jobId: string, changes: JobChanges) =>
    call('cloud_jobs_update', { job_id_param: jobId, changes_param: changes }, verbReply),
  /** One batch of jobs: call again with `next` of the reply as `before` while it is not null. */
  bulk: (action: BulkAction, filter: JobFilter, how: BulkOptions) =>
    call(
      'cloud_jobs_bulk',
      {
        action_param: action,
        filter_param: filter,
        dry_run_param: how.dryRun,
        limit_param: how.limit,
        before_param: how.before,
        options_param: { per_minute: how.perMinute, after: how.perMinute && how.after, config: how.config },
      },
      bulkReply,
    ),
  /** The queues with unfinished jobs or settings, with their depth and limits. */
  queues: () => call('cloud_jobs_queue_list', {}, queuesReply),
  /** How many attempts of each queue began in each of the last 24 hours. */
  queueRates: () => call('cloud_jobs_queue_rates', {}, queueRatesReply),
  setQueue: (queue: string, changes: QueueChanges) =>
    call('cloud_jobs_set_queue', { queue_param: queue, changes_param: changes }, setQueueReply),
  /** How the queue is doing now, and how it did in the last hours. */
  overview: (hours: number) => call('cloud_jobs_overview', { hours_param: hours }, overviewReply),
  /** What a monitoring system asks for: counts now, and the attempts of the last hour. */
  metrics: () => call('cloud_jobs_metrics', {}, metricsReply),
  /** How the last 30 occurrences of each recurring job ended, oldest first. */
  outcomes: (jobIds: readonly string[]) =>
    call('cloud_jobs_outcomes', { job_ids_param: jobIds }, outcomesReply),
  /** Registers a channel of alerts, and hands out those that are due; each is held for two minutes. */
  alertTake: (
    instanceId: string,
    channel: string,
    queues: readonly string[],
    warnings: readonly { readonly subject: string; readonly error: string }[],
    hold: string,
  ) =>
    call(
      'cloud_jobs_alert_take',
      {
        instance_id_param: instanceId,
        channel_param: channel,
        queues_param: queues,
        warnings_param: warnings,
        hold_param: hold,
      },
      alertTakeReply,
    ),
  alertDone: (instanceId: string, channel: string, results: readonly AlertResult[]) =>
    call(
      'cloud_jobs_alert_done',
      { instance_id_param: instanceId, channel_param: channel, results_param: results },
      alertDoneReply,
    ),
  /** Papers, newest first. */
  papers: (limit: number, { search, before, jobId }: PaperFilter = {}) =>
    call(
      'cloud_jobs_paper_list',
      { search_param: search, limit_param: limit, before_param: before, job_id_param: jobId },
      papersReply,
    ),
});
