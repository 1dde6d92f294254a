import { z } from 'zod';
import { checkSchema, explainingSchema } from './check-schema.ts';
import { controlCalls } from './control.ts';
import type { Progress } from './job.ts';
import {
  applyReply,
  backlogReply,
  CLIENT_SCHEMA,
  claimReply,
  enqueueReply,
  finishReply,
  listReply,
  peekReply,
  renewReply,
  showReply,
  verbReply,
} from './replies.ts';
import {
  bloatReply,
  doctorReply,
  inspectReply,
  pruneReply,
  statsReply,
  unattendedReply,
} from './report-replies.ts';
import type {
  ClaimRequest,
  FinishItem,
  JobVerb,
  ListFilter,
  NewJob,
  Planner,
  RecurringJob,
} from './requests.ts';
import type { Patience, Rpc } from './rpc.ts';
import { aftermathReply, type Fence, recallReply, stepReply, type Wait, waitReply } from './step-replies.ts';
import type { Json } from './types.ts';

/** The typed calls of the SQL functions. Each may be sent again after a lost reply. */
export type Queue = ReturnType<typeof createQueue>;

/**
 * @param rpc the way to the database
 * @param newId makes the ids of jobs that have none, so that enqueuing is repeatable
 */
export function createQueue(rpc: Rpc, newId: () => string) {
  const call = explainingSchema(rpc);
  return {
    /** Checks that the schema is there, in a version that this code can use. */
    checkSchema: (patience?: Patience) => checkSchema(rpc, patience),
    ...workerCalls(call),
    ...stepCalls(call),
    ...jobCalls(call, newId),
    ...controlCalls(call),
    ...reportCalls(call),
  };
}

/** The calls about durable steps. */
const stepCalls = (call: Rpc) => ({
  /** What a running attempt may need of the past: finished steps, and the results of the jobs that it depends on. */
  recall: (fence: Fence, patience?: Patience) =>
    call('cloud_jobs_recall', fenceParams(fence), recallReply, patience),
  /** Stores the result of a step. Returns what is stored, which an earlier try may have done. */
  step: (fence: Fence, name: string, result: Json, seconds: number, patience?: Patience) =>
    call(
      'cloud_jobs_step',
      {
        ...fenceParams(fence),
        name_param: name,
        result_param: result,
        duration_seconds_param: seconds,
      },
      stepReply,
      patience,
    ),
  /** Begins or continues a sleep, or the wait for an event. */
  wait: (fence: Fence, { name, kind, seconds, details = null }: Wait, patience?: Patience) =>
    call(
      'cloud_jobs_wait',
      {
        ...fenceParams(fence),
        name_param: name,
        kind_param: kind,
        seconds_param: seconds,
        details_param: details,
      },
      waitReply,
      patience,
    ),
  /** @param job a job id, or the unique key of an unfinished job */
  signal: (job: string, name: string, payload: Json, signalId: string) =>
    call(
      'cloud_jobs_signal',
      { job_param: job, name_param: name, payload_param: payload, signal_id_param: signalId },
      verbReply,
    ),
  /** What the end or the pause of these jobs leaves for people. */
  aftermath: (jobIds: readonly string[]) =>
    call('cloud_jobs_aftermath', { job_ids_param: jobIds }, aftermathReply),
  /** Runs a job again, with the results of the steps before the one named. */
  retryFromStep: (jobId: string, step: string) =>
    call('cloud_jobs_retry_from_step', { job_id_param: jobId, step_param: step }, verbReply),
});

const fenceParams = ({ instanceId, jobId, executionId }: Fence) => ({
  instance_id_param: instanceId,
  job_id_param: jobId,
  execution_id_param: executionId,
});

const workerCalls = (call: Rpc) => ({
  claim: (instanceId: string, request: ClaimRequest, patience?: Patience) =>
    call(
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
  finish: (
    instanceId: string,
    items: readonly FinishItem[],
    claim: ClaimRequest | null,
    patience?: Patience,
  ) =>
    call(
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
  renew: (
    instanceId: string,
    items: readonly { execution_id: string; progress?: Progress }[],
    lockSeconds: number,
    patience?: Patience,
  ) =>
    call(
      'cloud_jobs_renew',
      { instance_id_param: instanceId, items_param: items, lock_seconds_param: lockSeconds },
      renewReply,
      patience,
    ),
  /** What a claim would find now, without taking it; `due` counts to 10,000 and stops there. */
  peek: (queues: readonly string[], jobTypes: readonly string[], limit: number, patience?: Patience) =>
    call(
      'cloud_jobs_peek',
      { queues_param: queues, job_types_param: jobTypes, limit_param: limit },
      peekReply,
      patience,
    ),
  /**
   * How much is due by queue, and how much of it could run at the same time.
   * @param planner the run that asks, which is recorded; null for a person, who is not
   */
  backlog: (queues: readonly string[], jobTypes: readonly string[], planner: Planner | null) => {
    const what = { queues_param: queues, job_types_param: jobTypes };
    if (planner === null) return call('cloud_jobs_backlog', what, backlogReply);
    const { instanceId, runUrl, trigger } = planner;
    const who = { instance_id_param: instanceId, run_url_param: runUrl, trigger_param: trigger };
    return call('cloud_jobs_plan', { ...what, ...who }, backlogReply);
  },
  /** Ends the attempts of dead workers in all queues; returns how many. */
  releaseExpiredLocks: () => call('release_expired_locks', {}, z.number().int()),
});

const jobCalls = (call: Rpc, newId: () => string) => ({
  enqueue: (jobs: readonly NewJob[]) =>
    call(
      'cloud_jobs_enqueue',
      { items_param: jobs.map((job) => ({ ...job, job_id: job.job_id ?? newId() })) },
      enqueueReply,
    ),
  /**
   * Makes the recurring jobs of a source equal to a list, all or nothing.
   * @param source names where they come from; jobs of other sources do not change
   * @param jobs each with `schedule` and `unique_key`
   */
  apply: (
    source: string,
    jobs: readonly RecurringJob[],
    { prune, dryRun, adopt }: { readonly prune: boolean; readonly dryRun: boolean; readonly adopt: boolean },
  ) =>
    call(
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
  /** Runs a job again, and puts back what was cancelled because it failed. */
  retryWithDependents: (jobId: string) =>
    call('cloud_jobs_retry_with_dependents', { job_id_param: jobId }, verbReply),
  verb: (verb: JobVerb, jobId: string) => call(`cloud_jobs_${verb}`, { job_id_param: jobId }, verbReply),
  list: ({ status, jobType, queue, name, limit, before }: ListFilter) =>
    call(
      'cloud_jobs_list',
      {
        filter_param: { status, job_type: jobType, queue, name },
        limit_param: limit,
        before_param: before,
      },
      listReply,
    ),
  show: (jobId: string, executions?: number) =>
    call('cloud_jobs_show', { job_id_param: jobId, limit_param: executions }, showReply),
});

const reportCalls = (call: Rpc) => ({
  stats: (queue?: string) => call('cloud_jobs_stats', { queue_param: queue }, statsReply),
  doctor: () => call('cloud_jobs_doctor', {}, doctorReply),
  /** Compares the database with what sql/install.sql made. */
  inspect: () => call('cloud_jobs_inspect', {}, inspectReply),
  /** Queues and job types that have had due jobs for hours, while no worker asked for them. */
  unattended: (queue?: string) => call('cloud_jobs_unattended', { queue_param: queue }, unattendedReply),
  /** Sizes of tables and indexes with advice; changes nothing. */
  bloat: () => call('cloud_jobs_bloat', {}, bloatReply),
  /** One bounded batch: call again while `more`. */
  prune: (days: { executions?: number; jobs?: number }, limit?: number) =>
    call(
      'cloud_jobs_prune',
      { executions_days_param: days.executions, jobs_days_param: days.jobs, limit_param: limit },
      pruneReply,
    ),
});
