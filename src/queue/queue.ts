import { z } from 'zod';
import { checkSchema, explainingSchema } from './check-schema.ts';
import { type Control, createControl } from './control.ts';
import type { Progress } from './job.ts';
import {
  type ApplyReply,
  applyReply,
  type BacklogReply,
  type BloatReply,
  backlogReply,
  bloatReply,
  CLIENT_SCHEMA,
  type ClaimReply,
  claimReply,
  type DoctorReply,
  doctorReply,
  type EnqueueReply,
  enqueueReply,
  type FinishReply,
  finishReply,
  type InspectReply,
  inspectReply,
  type ListReply,
  listReply,
  type PeekReply,
  type PruneReply,
  peekReply,
  pruneReply,
  type RenewReply,
  renewReply,
  type ShowReply,
  type StatsReply,
  showReply,
  statsReply,
  type Unattended,
  unattendedReply,
  type VerbReply,
  verbReply,
} from './replies.ts';
import type { ClaimRequest, FinishItem, JobVerb, ListFilter, NewJob, Planner } from './requests.ts';
import type { Patience, Rpc } from './rpc.ts';

/** The typed calls of the SQL functions. Each may be sent again after a lost reply. */
export interface Queue extends Control {
  /** Checks that the schema is there, in a version that this code can use. */
  checkSchema(patience?: Patience): Promise<{ schema: number }>;
  claim(instanceId: string, request: ClaimRequest, patience?: Patience): Promise<ClaimReply>;
  finish(
    instanceId: string,
    items: readonly FinishItem[],
    claim: ClaimRequest | null,
    patience?: Patience,
  ): Promise<FinishReply>;
  renew(
    instanceId: string,
    items: readonly { execution_id: string; progress?: Progress }[],
    lockSeconds: number,
    patience?: Patience,
  ): Promise<RenewReply>;
  enqueue(jobs: readonly NewJob[]): Promise<EnqueueReply>;
  /**
   * Makes the recurring jobs of a source equal to a list, all or nothing.
   * @param source names where they come from; jobs of other sources do not change
   * @param jobs each with `schedule` and `unique_key`
   */
  apply(
    source: string,
    jobs: readonly NewJob[],
    how: { readonly prune: boolean; readonly dryRun: boolean; readonly adopt: boolean },
  ): Promise<ApplyReply>;
  verb(verb: JobVerb, jobId: string): Promise<VerbReply>;
  list(filter: ListFilter): Promise<ListReply>;
  show(jobId: string, executions?: number): Promise<ShowReply>;
  stats(queue?: string): Promise<StatsReply>;
  doctor(): Promise<DoctorReply>;
  /** Compares the database with what sql/install.sql made. */
  inspect(): Promise<InspectReply>;
  /** Queues and job types that have had due jobs for hours, while no worker asked for them. */
  unattended(queue?: string): Promise<Unattended>;
  /** What a claim would find now, without taking it; `due` counts to 10,000 and stops there. */
  peek(
    queues: readonly string[],
    jobTypes: readonly string[],
    limit: number,
    patience?: Patience,
  ): Promise<PeekReply>;
  /**
   * How much is due by queue, and how much of it could run at the same time.
   * @param planner the run that asks, which is recorded; null for a person, who is not
   */
  backlog(
    queues: readonly string[],
    jobTypes: readonly string[],
    planner: Planner | null,
  ): Promise<BacklogReply>;
  /** One bounded batch: call again while `more`. */
  prune(days: { executions?: number; jobs?: number }, limit?: number): Promise<PruneReply>;
  /** Sizes of tables and indexes with advice; changes nothing. */
  bloat(): Promise<BloatReply>;
  /** Ends the attempts of dead workers in all queues; returns how many. */
  releaseExpiredLocks(): Promise<number>;
}

/**
 * @param rpc the way to the database
 * @param newId makes the ids of jobs that have none, so that enqueuing is repeatable
 */
export function createQueue(rpc: Rpc, newId: () => string): Queue {
  const explained = explainingSchema(rpc);
  return {
    checkSchema: (patience) => checkSchema(rpc, patience),
    ...createControl(explained),
    claim: (instanceId, request, patience) =>
      explained(
        'cloud_jobs_claim',
        {
          instance_id_param: instanceId,
          limit_param: request.limit,
          queues_param: request.queues,
          job_types_param: request.jobTypes,
          lock_seconds_param: request.lockSeconds,
          request_id_param: request.requestId,
          run_url_param: request.runUrl,
          client_schema_param: CLIENT_SCHEMA,
          trigger_param: request.trigger ?? null,
        },
        claimReply,
        patience,
      ),
    finish: (instanceId, items, claim, patience) =>
      explained(
        'cloud_jobs_finish',
        {
          instance_id_param: instanceId,
          items_param: items,
          claim_param: claim && {
            limit: claim.limit,
            queues: claim.queues,
            job_types: claim.jobTypes,
            lock_seconds: claim.lockSeconds,
            request_id: claim.requestId,
            run_url: claim.runUrl,
          },
        },
        finishReply,
        patience,
      ),
    renew: (instanceId, items, lockSeconds, patience) =>
      explained(
        'cloud_jobs_renew',
        { instance_id_param: instanceId, items_param: items, lock_seconds_param: lockSeconds },
        renewReply,
        patience,
      ),
    enqueue: (jobs) =>
      explained(
        'cloud_jobs_enqueue',
        { items_param: jobs.map((job) => ({ ...job, job_id: job.job_id ?? newId() })) },
        enqueueReply,
      ),
    apply: (source, jobs, { prune, dryRun, adopt }) =>
      explained(
        'cloud_jobs_apply',
        {
          source_param: source,
          items_param: jobs,
          prune_param: prune,
          dry_run_param: dryRun,
          adopt_param: adopt,
        },
        applyReply,
      ),
    verb: (verb, jobId) => explained(`cloud_jobs_${verb}`, { job_id_param: jobId }, verbReply),
    list: (filter) =>
      explained(
        'cloud_jobs_list',
        {
          filter_param: {
            status: filter.status,
            job_type: filter.jobType,
            queue: filter.queue,
            name: filter.name,
          },
          limit_param: filter.limit,
          before_param: filter.before,
        },
        listReply,
      ),
    show: (jobId, executions) =>
      explained('cloud_jobs_show', { job_id_param: jobId, limit_param: executions }, showReply),
    stats: (queue) => explained('cloud_jobs_stats', { queue_param: queue }, statsReply),
    doctor: () => explained('cloud_jobs_doctor', {}, doctorReply),
    inspect: () => explained('cloud_jobs_inspect', {}, inspectReply),
    unattended: (queue) => explained('cloud_jobs_unattended', { queue_param: queue }, unattendedReply),
    peek: (queues, jobTypes, limit, patience) =>
      explained(
        'cloud_jobs_peek',
        { queues_param: queues, job_types_param: jobTypes, limit_param: limit },
        peekReply,
        patience,
      ),
    backlog: (queues, jobTypes, planner) => {
      const what = { queues_param: queues, job_types_param: jobTypes };
      if (planner === null) return explained('cloud_jobs_backlog', what, backlogReply);
      const { instanceId, runUrl, trigger } = planner;
      const who = { instance_id_param: instanceId, run_url_param: runUrl, trigger_param: trigger };
      return explained('cloud_jobs_plan', { ...what, ...who }, backlogReply);
    },
    prune: (days, limit) =>
      explained(
        'cloud_jobs_prune',
        { executions_days_param: days.executions, jobs_days_param: days.jobs, limit_param: limit },
        pruneReply,
      ),
    bloat: () => explained('cloud_jobs_bloat', {}, bloatReply),
    releaseExpiredLocks: () => explained('release_expired_locks', {}, z.number().int()),
  };
}
