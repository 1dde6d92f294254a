import type { Queue } from '../queue/queue.ts';
import { type Answer, CommandError } from './answer.ts';
import type { CheckByHandlers } from './create.ts';
import { fault, readJobsFile } from './jobs-file.ts';
import type { ApplyOptions } from './option-types.ts';

export interface ApplyDeps {
  readonly queue: Queue;
  /** Reads a file of the workspace as UTF-8. @throws the file system's error */
  readonly readFile: (path: string) => Promise<string>;
  /** `owner/repository`, or null outside of GitHub. */
  readonly repository: string | null;
  readonly redact: (text: string) => string;
  readonly checkByHandlers: CheckByHandlers;
}

/**
 * Makes the recurring jobs in the database what the jobs file says. Everything is checked before anything is changed.
 * @throws CommandError with all that is wrong with the file
 */
export async function apply(options: ApplyOptions, deps: ApplyDeps): Promise<Answer> {
  const { file, prune, dryRun, connection } = options;
  let text: string;
  try {
    text = await deps.readFile(file);
  } catch (cause) {
    throw new CommandError(
      `The jobs file ${JSON.stringify(file)} cannot be read. Check the path, and in a workflow that actions/checkout comes before.`,
      { cause },
    );
  }
  const read = await readJobsFile(text, file, connection, deps.redact);
  const unfit = await deps.checkByHandlers(
    read.jobs.map(({ job }) => ({ type: job.job_type, config: job.config ?? {} })),
    options.handlers,
  );
  const problems = [
    ...read.problems,
    ...read.jobs.flatMap(({ place }, index) =>
      unfit[index] ? [`${place}: the config does not fit its handler: ${unfit[index]}`] : [],
    ),
  ];
  if (problems.length > 0) throw fault(file, problems);
  const jobs = read.jobs.map(({ job }) => job);
  const source = `${deps.repository ?? 'local'}:${file.replace(/^\.\//, '')}`;
  return { command: 'apply', source, reply: await deps.queue.apply(source, jobs, { prune, dryRun }) };
}
