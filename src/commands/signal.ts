import { z } from 'zod';
import type { VerbReply } from '../queue/replies.ts';
import type { ChangeResult } from './change-jobs.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { config, jobId, text } from './fields.ts';

/** The commands that send an event to a job: `signal` any, `approve` and `reject` the decision that it waits for. */

const target = {
  jobId: jobId().optional().describe('Id of the job; the list command shows it.'),
  uniqueKey: text(500).optional().describe('The unique key of an unfinished job, in place of its id.'),
};

const named = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.object({ ...target, ...shape }).superRefine((input, context) => {
    const { jobId: id, uniqueKey } = input as { jobId?: string; uniqueKey?: string };
    if ((id === undefined) === (uniqueKey === undefined))
      context.addIssue('Give `job-id` or `unique-key`, one of the two.');
  });

export const signal = defineCommand({
  name: 'signal',
  about: 'Send an event to a job whose handler waits for it, or will.',
  input: named({
    signal: text(200).describe('Name of the event: what the handler waits for.'),
    payload: config().prefault('{}').describe('What the handler gets, as a JSON object. At most 64 KiB.'),
    signalId: text(200)
      .optional()
      .describe(
        'Names the event, so that sending it twice counts once. Default: each call is an event of its own.',
      ),
  }),
  positional: 'jobId',
  run: async (input, context): Promise<ChangeResult> => {
    const id = input.signalId ?? crypto.randomUUID();
    const reply = await context.queue.signal(jobOf(input), input.signal, input.payload, id);
    return { command: 'verb', verb: 'signal', replies: [reply] };
  },
  json: ({ replies: [reply] }) => reply,
  text: ({ replies: [reply] }) => signalText('Sent', reply),
  exitCode: ({ replies: [reply] }) => (reply?.applied ? 0 : 1),
});

const decision = <Verb extends 'approve' | 'reject'>(verb: Verb, about: string) =>
  defineCommand({
    name: verb,
    about,
    input: named({
      signal: text(200).prefault('approval').describe('Name of the approval, if the job has several.'),
      note: text(2000)
        .optional()
        .describe('What the handler and other people should know about the decision.'),
    }),
    positional: 'jobId',
    run: async (input, context): Promise<ChangeResult> => {
      const reply = await context.queue.signal(
        jobOf(input),
        input.signal,
        { approved: verb === 'approve', by: context.person, note: input.note ?? null },
        await decisionId(input.signal, context),
      );
      return { command: 'verb', verb, replies: [reply] };
    },
    json: ({ replies: [reply] }) => reply,
    text: ({ replies: [reply] }) => signalText(verb === 'approve' ? 'Approved' : 'Rejected', reply),
    exitCode: ({ replies: [reply] }) => (reply?.applied ? 0 : 1),
  });

export const approve = decision('approve', 'Approve what a job waits for a person to decide.');
export const reject = decision('reject', 'Reject what a job waits for a person to decide.');

/** A run of a workflow decides once, however often the request is sent. */
const decisionId = async (name: string, { planner }: CommandContext): Promise<string> =>
  planner === null ? crypto.randomUUID() : `${name} ${planner.instanceId}`.slice(0, 200);

const jobOf = ({ jobId: id, uniqueKey }: { jobId?: unknown; uniqueKey?: unknown }): string =>
  String(id ?? uniqueKey);

const signalText = (done: string, reply: VerbReply | undefined): string =>
  reply?.applied
    ? `${done}: ${reply.job_id}.${reply.reason ? ` ${reply.reason}` : ''}`
    : `Not done: ${reply?.reason ?? 'the job is not there.'}`;
