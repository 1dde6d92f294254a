import type { z } from 'zod';
import type { Queue } from '../queue/queue.ts';
import type { Planner } from '../queue/requests.ts';
import type { Json } from '../queue/types.ts';
import type { WorkerDeps } from '../worker/options.ts';
import type { Answer } from './answer.ts';
import type { GitHub } from './github-repository.ts';
import type { WorkflowFile } from './keepalive.ts';
import type { RunInput } from './run.ts';

/** One verb: what it takes, what it does, and its result as text. The hosts know nothing else of it. */
export interface Command<
  Name extends string = string,
  Input extends z.ZodObject = z.ZodObject,
  Result extends Answer = Answer,
> {
  readonly name: Name;
  /** What it does, as one sentence for `--help` and the reference. */
  readonly about: string;
  readonly input: Input;
  /** The field that a terminal takes without an option's name: `cancel ID...`. */
  readonly positional?: string & keyof z.output<Input>;
  /** @throws CommandError or QueueError, with a message for people */
  run(input: z.output<Input>, context: CommandContext): Promise<Result>;
  /**
   * The result as plain text, for a terminal and for the log of a step.
   * @param width columns of the terminal; Infinity for a log and a pipe
   */
  text(result: Result, now: Date, width: number): string;
  /** The result as `--json` prints it. */
  json(result: Result): unknown;
  /** The exit code of a call that ended with this result; 0 unless given. */
  exitCode?(result: Result, input: z.output<Input>): number;
}

/** Declares a command; its types follow from the schema of its input. */
export const defineCommand = <Name extends string, Input extends z.ZodObject, Result extends Answer>(
  command: Command<Name, Input, Result>,
): Command<Name, Input, Result> => command;

/** What commands take from the host. */
export interface CommandContext {
  readonly queue: Queue;
  /** Reads a file of the workspace. @throws the file system's error */
  readonly readFile: (path: string) => Promise<Uint8Array>;
  /** What jobs of a file of the workspace have as their source: `owner/repository:path`. */
  readonly sourceOf: (path: string) => Promise<string>;
  /** The workflows of the workspace; none without a checkout. */
  readonly workflowFiles: () => Promise<readonly WorkflowFile[]>;
  /** `owner/repository`; null if it is not known. */
  readonly repository: string | null;
  readonly redact: (text: string) => string;
  readonly checkByHandlers: CheckByHandlers;
  readonly now: () => Date;
  readonly warn: (message: string) => void;
  /** How far a long command is. */
  readonly progress: (message: string) => void;
  /** The repository on GitHub; null without a token, or if no repository is known. */
  readonly github: (token: string | undefined) => GitHub | null;
  /** The run that calls; null for a person at a terminal. */
  readonly planner: Planner | null;
  /** Who calls: the login on GitHub, or the user of the terminal; null if it is not known. */
  readonly person: string | null;
  /** Makes what `run` needs; the caller disposes of it. */
  readonly openWorker: (input: RunInput) => OpenedWorker;
}

/**
 * Checks the configs of jobs by the schemas of their handlers, if those are on this machine.
 * @returns for each job what is wrong with its config, or null
 */
export type CheckByHandlers = (
  jobs: readonly { readonly type: string; readonly config: Json }[],
  handlers: string | undefined,
) => Promise<readonly (string | null)[]>;

export interface OpenedWorker extends AsyncDisposable {
  readonly deps: WorkerDeps;
  readonly instanceId: string;
  readonly runUrl: string | null;
  readonly trigger: string | null;
  /** The worker stays until it is stopped. */
  readonly watch: boolean;
}
