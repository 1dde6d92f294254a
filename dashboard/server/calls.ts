import { z } from 'zod';
import { create, newJob } from '../../src/commands/create.ts';
import { InputError, readFields } from '../../src/commands/read-fields.ts';
import type { TypeSchemas } from '../../src/handlers/job-type.ts';
import { bulkAction, jobChanges, jobFilter, queueChanges } from '../../src/queue/filter.ts';
import type { Queue } from '../../src/queue/queue.ts';
import type { NewJob } from '../../src/queue/requests.ts';
import { comingOccurrences } from '../../src/schedule/coming.ts';
import { scheduleInWords } from '../../src/schedule/in-words.ts';
import { attentionOf } from './attention.ts';
import { configForms } from './config-form.ts';

export type { ExecutionRow, JobRow } from '../../src/queue/job.ts';

/** What a call may know besides its input. */
export interface Asked {
  /** Who is signed in, if that is known: decisions are kept in this name. */
  readonly person?: string;
  /** Reads what configs may hold, from the handlers that are on this machine too. */
  readonly describeConfigs: () => Promise<readonly TypeSchemas[]>;
}

interface Call<Input extends z.ZodType, Output> {
  readonly input: Input;
  /** Whether it changes something; a read-only dashboard refuses those. */
  readonly writes: boolean;
  readonly run: (queue: Queue, input: z.output<Input>, asked: Asked) => Promise<Output>;
}

const read = <Input extends z.ZodType, Output>(
  input: Input,
  run: (queue: Queue, input: z.output<Input>, asked: Asked) => Promise<Output>,
): Call<Input, Output> => ({ input, writes: false, run });

const write = <Input extends z.ZodType, Output>(
  input: Input,
  run: (queue: Queue, input: z.output<Input>, asked: Asked) => Promise<Output>,
): Call<Input, Output> => ({ input, writes: true, run });

const jobId = z.object({ job_id: z.string().min(1).max(200) });

/** The texts of the form, by the names of the inputs of the command `create`; an empty one counts as not given. */
const newJobForm = z.record(z.string().max(100), z.string().max(400_000));

/** @throws InputError that names every field that is wrong */
function readNewJob(form: z.output<typeof newJobForm>): NewJob {
  const given = new Map(Object.entries(form).filter(([, value]) => value.trim() !== ''));
  const { input, problems } = readFields(create, given, {
    label: (name) => `"${name.replaceAll('-', ' ')}"`,
    noun: 'input',
    missing: () => '',
    redact: (text) => text,
  });
  if (problems.length > 0) throw new InputError(problems, 'input');
  return newJob(input);
}

const RECURRING_SHOWN = 200;

/** Everything the page can ask of the queue: nothing else is forwarded. */
export const calls = {
  overview: read(z.object({ hours: z.union([z.literal(24), z.literal(168)]) }), async (queue, { hours }) => {
    const overview = await queue.overview(hours);
    return { ...overview, attention: attentionOf(overview) };
  }),
  jobs: read(
    z.object({
      filter: jobFilter,
      limit: z.number().int().min(1).max(200),
      before: z.string().max(300).optional(),
    }),
    (queue, { filter, limit, before }) => queue.search(filter, limit, before),
  ),
  counts: read(z.object({ filter: jobFilter }), (queue, { filter }) => queue.count(filter)),
  job: read(jobId, async (queue, { job_id }) => {
    const reply = await queue.show(job_id, 100);
    const next = reply.job === null ? [] : comingOccurrences(reply.job, new Date(reply.now));
    return { ...reply, next_occurrences: next };
  }),
  recurring: read(z.object({}), async (queue) => {
    const { jobs, next, now } = await queue.search({ recurring: true }, RECURRING_SHOWN);
    const outcomes = jobs.length === 0 ? {} : (await queue.outcomes(jobs.map((job) => job.job_id))).jobs;
    return {
      now,
      has_more: next !== null,
      jobs: jobs.map((job) => ({
        ...job,
        schedule_words: scheduleInWords(job.schedule ?? '', job.timezone),
        last_outcomes: outcomes[job.job_id] ?? [],
      })),
    };
  }),
  queues: read(z.object({}), (queue) => queue.queues()),
  queueRates: read(z.object({}), (queue) => queue.queueRates()),
  papers: read(
    z.object({
      search: z.string().max(200).optional(),
      job_id: z.string().max(200).optional(),
      limit: z.number().int().min(1).max(100),
      before: z.string().max(300).optional(),
    }),
    (queue, { search, limit, before, job_id: jobId }) => queue.papers(limit, { search, before, jobId }),
  ),
  configForms: read(z.object({}), async (_queue, _input, { describeConfigs }) =>
    configForms(await describeConfigs()),
  ),
  create: write(newJobForm, (queue, form) => queue.enqueue([readNewJob(form)])),
  update: write(jobId.extend({ changes: jobChanges }), (queue, { job_id, changes }) =>
    queue.update(job_id, changes),
  ),
  decide: write(
    jobId.extend({ step: z.string().min(1).max(200), approved: z.boolean() }),
    (queue, { job_id, step, approved }, { person = 'the dashboard' }) =>
      queue.signal(job_id, step, { approved, by: person, note: null }, crypto.randomUUID()),
  ),
  retryFromStep: write(jobId.extend({ step: z.string().min(1).max(200) }), (queue, { job_id, step }) =>
    queue.retryFromStep(job_id, step),
  ),
  bulk: write(
    z.object({
      action: bulkAction,
      filter: jobFilter,
      dry_run: z.boolean(),
      limit: z.number().int().min(1).max(1000),
      before: z.string().max(300).optional(),
    }),
    (queue, { action, filter, dry_run, limit, before }) =>
      queue.bulk(action, filter, { dryRun: dry_run, limit, before }),
  ),
  setQueue: write(
    z.object({ queue: z.string().min(1).max(100), changes: queueChanges }),
    (queue, { queue: name, changes }) => queue.setQueue(name, changes),
  ),
};

export type Calls = {
  readonly [Name in keyof typeof calls]: {
    readonly input: z.input<(typeof calls)[Name]['input']>;
    readonly output: Awaited<ReturnType<(typeof calls)[Name]['run']>>;
  };
};

export const isCall = (name: string): name is keyof typeof calls => Object.hasOwn(calls, name);
