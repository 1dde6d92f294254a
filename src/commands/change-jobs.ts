import { z } from 'zod';
import type { VerbReply } from '../queue/replies.ts';
import type { JobVerb } from '../queue/requests.ts';
import { plural } from '../text/format.ts';
import { changedStatus } from '../text/job-words.ts';
import { CommandError } from './answer.ts';
import { changeMany, type ManyResult, manyJson, manyText } from './change-many.ts';
import { type Command, type CommandContext, defineCommand } from './command.ts';
import { config, given, jobId, list, text, wholeNumber, yesOrNo } from './fields.ts';
import { filterFields, filterOf } from './job-filter.ts';

/** The commands that do one thing to jobs, which are named by their ids or selected by a filter. */

const changeFields = {
  jobId: list(jobId(), 1000)
    .optional()
    .describe(
      'Ids of the jobs, separated by commas; the list command shows them. A filter such as `status` takes their place.',
    ),
  ...filterFields,
  dryRun: yesOrNo().prefault('false').describe('Count the jobs that match, and change nothing.'),
  limit: wholeNumber(1, 100_000_000)
    .optional()
    .describe('With a filter: jobs to change at most, newest first. Default: all that match.'),
};

const retryFields = {
  perMinute: wholeNumber(1, 100_000)
    .optional()
    .describe('With a filter: let only so many jobs become due in each minute. Default: all at once.'),
  withConfig: config()
    .optional()
    .describe('With a filter: a JSON object that is merged into the config of each job.'),
  fromStep: text(200)
    .optional()
    .describe(
      'With `job-id`: forget this step of the job and those after it, and keep the results of those before it.',
    ),
  withDependents: yesOrNo()
    .prefault('false')
    .describe('With `job-id`: put back the jobs that were cancelled because this one failed, too.'),
};

/** Commands other than retry lack its two fields, which read as not given. */
type ChangeSchema = z.ZodObject<typeof changeFields & typeof retryFields>;

const changeInput = (verb: JobVerb): ChangeSchema => {
  const schema = z.object({ ...changeFields, ...(verb === 'retry' && retryFields) }) as ChangeSchema;
  return schema.superRefine((input, context) => {
    const { jobId: ids, dryRun, limit, perMinute, withConfig } = input;
    const hasFilter = Object.keys(filterOf(input, new Date())).length > 0;
    if (ids === undefined && !hasFilter)
      context.addIssue(`${verb} needs \`job-id\`, or a filter such as \`status\`, \`queue\` or \`name\`.`);
    if (input.fromStep !== undefined && (ids?.length !== 1 || input.withDependents))
      context.addIssue('`from-step` goes with one `job-id`, and without `with-dependents`.');
    if (ids === undefined) {
      if (input.withDependents)
        context.addIssue('`with-dependents` goes with `job-id`, and not with a filter.');
      return;
    }
    if (hasFilter) context.addIssue(`${verb} takes \`job-id\` or a filter, not both.`);
    const forFilter = {
      'dry-run': dryRun || undefined,
      limit,
      'per-minute': perMinute,
      'with-config': withConfig,
    };
    for (const name of Object.keys(given(forFilter)))
      context.addIssue(`\`${name}\` goes with a filter, and not with \`job-id\`.`);
  });
};

export interface ChangeResult {
  readonly command: 'verb';
  readonly verb: JobVerb | 'update' | 'signal' | 'approve' | 'reject';
  /** One for each job, in the order given. */
  readonly replies: readonly VerbReply[];
}

/** A command that asks the database to do one thing to each job: cancel, retry, enable, disable or delete it. */
export const changeJobs = <Verb extends JobVerb>(
  verb: Verb,
  about: string,
): Command<Verb, ChangeSchema, ChangeResult | ManyResult> =>
  defineCommand({
    name: verb,
    about,
    input: changeInput(verb),
    positional: 'jobId',
    run: async (input, context): Promise<ChangeResult | ManyResult> => {
      if (input.jobId !== undefined) return await changeByIds(verb, input.jobId, input, context);
      const { dryRun, limit, perMinute, withConfig } = input;
      const options = { dryRun, ...given({ limit, perMinute, config: withConfig }) };
      return await changeMany(verb, filterOf(input, context.now()), options, context);
    },
    json: (result) => {
      if (result.command === 'bulk') return manyJson(result);
      return result.replies.length === 1 ? result.replies[0] : result.replies;
    },
    text: (result) =>
      result.command === 'bulk'
        ? manyText(result)
        : result.replies.map((reply) => changeText(verb, reply)).join('\n'),
    exitCode: (result) => {
      const isDone =
        result.command === 'bulk'
          ? result.refused.length === 0
          : result.replies.every(({ applied }) => applied);
      return isDone ? 0 : 1;
    },
  });

async function changeByIds(
  verb: JobVerb,
  ids: readonly string[],
  { withDependents, fromStep }: z.output<ChangeSchema>,
  { queue }: CommandContext,
): Promise<ChangeResult> {
  const replies: VerbReply[] = [];
  // An id that does not exist is found out before anything is changed.
  for (const id of ids) if (!(await queue.show(id, 1)).job) throw noJob(id);
  for (const id of ids) {
    if (fromStep !== undefined) replies.push(await queue.retryFromStep(id, fromStep));
    else if (withDependents) replies.push(await queue.retryWithDependents(id));
    else replies.push(await queue.verb(verb, id));
  }
  return { command: 'verb', verb, replies };
}

function changeText(verb: JobVerb, reply: VerbReply): string {
  const { words, reason } = changedStatus(verb, reply);
  return `${verb} ${reply.job_id}: ${reply.applied ? 'done' : 'not done'}, the job is ${words}.${reason && ` ${reason}`}${dependentsWords(reply)}`;
}

const dependentsWords = ({ dependents }: VerbReply): string =>
  dependents === undefined ? '' : ` ${plural(dependents, 'dependent job')} put back.`;

export const noJob = (id: string): CommandError =>
  new CommandError(`There is no job with the id ${JSON.stringify(id)}. The command list shows all.`);
