import { z } from 'zod';
import type { ApplyReply } from '../queue/replies.ts';
import { textTable } from '../text/table.ts';
import { CommandError } from './answer.ts';
import { applyRows, applyVerdict } from './apply-words.ts';
import { type CommandContext, defineCommand } from './command.ts';
import { handlersToCheck, text as textField, yesOrNo } from './fields.ts';
import { fault, readJobsFile } from './jobs-file.ts';

const applyInput = z.object({
  file: textField(4096)
    .prefault('.github/cloud-jobs/jobs.yml')
    .describe('The jobs file, with the recurring jobs of this repository.'),
  prune: yesOrNo().prefault('false').describe('Disable jobs that came from this file and are gone from it.'),
  dryRun: yesOrNo().prefault('false').describe('Show the plan, and change nothing.'),
  adopt: yesOrNo()
    .prefault('false')
    .describe('Take over jobs with the same keys that belong to another file.'),
  handlers: handlersToCheck,
});
type ApplyInput = z.output<typeof applyInput>;

export interface ApplyResult {
  readonly command: 'apply';
  readonly source: string;
  readonly reply: ApplyReply;
}

export const apply = defineCommand({
  name: 'apply',
  about: 'Make the recurring jobs what a jobs file says.',
  input: applyInput,
  run: applyFile,
  json: ({ reply }) => reply,
  text: (result, now, width) =>
    [
      applyVerdict(result),
      textTable(
        ['Key', 'Action', 'Runs', 'Changes'],
        applyRows(result, now).map(({ key, action, runs, changes }) => [
          key,
          action,
          runs,
          changes.join('\n'),
        ]),
        width,
      ),
    ].join('\n'),
});

/**
 * Makes the recurring jobs in the database what the jobs file says. Everything is checked before anything is changed.
 * @throws CommandError with all that is wrong with the file
 */
async function applyFile(
  { file, prune, dryRun, adopt, handlers: folder }: ApplyInput,
  context: CommandContext,
): Promise<ApplyResult> {
  let bytes: Uint8Array;
  try {
    bytes = await context.readFile(file);
  } catch (cause) {
    throw new CommandError(
      `The jobs file ${JSON.stringify(file)} cannot be read. Check the path, and in a workflow that actions/checkout comes before.`,
      { cause },
    );
  }
  const read = readJobsFile(bytes, file, context.redact);
  const unfit = await context.checkByHandlers(
    read.jobs.map(({ job }) => ({ type: job.job_type, config: job.config ?? {} })),
    folder,
  );
  const problems = [
    ...read.problems,
    ...read.jobs.flatMap(({ place }, index) =>
      unfit[index] ? [`${place}: the config does not fit its handler: ${unfit[index]}`] : [],
    ),
  ];
  if (problems.length > 0) throw fault(file, problems);
  const source = await context.sourceOf(file);
  const reply = await context.queue.apply(source, read.recurring, { prune, dryRun, adopt });
  return { command: 'apply', source, reply };
}
