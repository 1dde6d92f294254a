import { z } from 'zod';
import type { VerbReply } from '../queue/replies.ts';
import type { JobVerb } from '../queue/requests.ts';
import { CommandError } from './answer.ts';
import { type Command, defineCommand } from './command.ts';
import { jobId, list } from './fields.ts';

/** The input of the commands that do one thing to each of some jobs. */
const changeInput = z.object({
  jobId: list(jobId(), 1000).describe('Ids of the jobs, separated by commas; the list command shows them.'),
});

export interface ChangeResult {
  readonly command: 'verb';
  readonly verb: JobVerb | 'update';
  /** One for each job, in the order given. */
  readonly replies: readonly VerbReply[];
}

/** A command that asks the database to do one thing to each job: cancel, retry, enable, disable or delete it. */
export const changeJobs = <Verb extends JobVerb>(
  verb: Verb,
  about: string,
): Command<Verb, typeof changeInput, ChangeResult> =>
  defineCommand({
    name: verb,
    about,
    input: changeInput,
    positional: 'jobId',
    run: async ({ jobId: ids }, { queue }) => {
      const replies: VerbReply[] = [];
      // An id that does not exist is found out before anything is changed.
      for (const id of ids) if (!(await queue.show(id, 1)).job) throw noJob(id);
      for (const id of ids) replies.push(await queue.verb(verb, id));
      return { command: 'verb', verb, replies };
    },
    json: ({ replies }) => (replies.length === 1 ? replies[0] : replies),
    text: ({ replies }) => replies.map((reply) => changeText(verb, reply)).join('\n'),
    exitCode: ({ replies }) => (replies.every(({ applied }) => applied) ? 0 : 1),
  });

const changeText = (verb: JobVerb, { job_id: id, applied, status, reason }: VerbReply): string =>
  `${verb} ${id}: ${applied ? 'done' : 'not done'}, the job is ${status ?? 'not there'}.${reason ? ` ${reason}` : ''}`;

export const noJob = (id: string): CommandError =>
  new CommandError(`There is no job with the id ${JSON.stringify(id)}. The command list shows all.`);
