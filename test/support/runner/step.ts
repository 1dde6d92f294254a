import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  inputVariables,
  makeStepFiles,
  readCommandFile,
  readManifest,
  runnerVariables,
} from './environment.ts';
import { shownLog } from './log.ts';
import { killAll, trackedProcesses } from './processes.ts';

const ROOT = new URL('../../../', import.meta.url);
const MANIFEST = readManifest(new URL('action.yml', ROOT));

/** From being asked to stop to SIGTERM, and from there to the end, in milliseconds. Source: actions/runner, ProcessInvoker.cs. */
export const SIGTERM_AFTER_MS = 7_500;
export const SIGKILL_AFTER_MS = 2_500;
/** How long output may be held open once the process is gone, in milliseconds. Source: the same. */
const OUTPUT_AFTER_EXIT_MS = 5_000;

export interface StepResult {
  readonly code: number | null;
  /** The signal that ended the process, where one did. */
  readonly signal: NodeJS.Signals | null;
  /** Both streams as they were printed, commands to the runner included. */
  readonly log: string;
  /** The log as people see it: without masked values. */
  readonly shown: string;
  readonly summary: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** What the step asked the runner to keep by GITHUB_STATE, GITHUB_ENV and GITHUB_PATH. */
  readonly state: string;
  readonly env: string;
  readonly path: string;
  readonly seconds: number;
  /** Processes that outlived the step. The runner ends them when the job ends; so does this, at once. */
  readonly left: readonly number[];
}

export interface Step {
  readonly child: ChildProcess;
  readonly done: Promise<StepResult>;
  log(): string;
  /** Cancels the step as the runner does: SIGINT to `node` alone, SIGTERM after 7.5 s, the whole tree after 2.5 s more. */
  cancel(): Promise<StepResult>;
}

/**
 * Starts the packaged action as GitHub's runner does: `node` as the direct child with the workspace as its folder,
 * inputs by environment, files for what it has to say.
 * @param env added to what the runner sets, as `env:` of a workflow is
 * @param onLine called with each line of output as it comes
 * @param main the file to run; that of action.yml by default
 */
export function startStep(
  inputs: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
  onLine: (line: string) => void = () => {},
  main: string = fileURLToPath(new URL(MANIFEST.main, ROOT)),
): Step {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-step-'));
  const files = makeStepFiles(folder);
  const trackingId = `github_${randomUUID()}`;
  const variables: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    ...runnerVariables(files, trackingId),
    ...env,
    ...inputVariables(MANIFEST, inputs),
  };
  const started = performance.now();
  const child = spawn(process.execPath, [main], {
    cwd: variables.GITHUB_WORKSPACE,
    env: variables,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    onLines(stream, (line) => {
      log += `${line}\n`;
      onLine(line);
    });
  }
  const killTree = (): void => killAll([...trackedProcesses(trackingId), ...(child.pid ? [child.pid] : [])]);
  child.once('exit', () => {
    // A process that the step left behind may hold its pipes open.
    const late = setTimeout(killTree, OUTPUT_AFTER_EXIT_MS);
    child.once('close', () => clearTimeout(late));
  });
  const done = new Promise<StepResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const left = trackedProcesses(trackingId);
      killAll(left);
      const read = (path: string): string => readFileSync(path, 'utf8');
      const result: StepResult = {
        code,
        signal,
        log,
        shown: shownLog(log),
        summary: read(files.summary),
        outputs: readCommandFile(read(files.output)),
        state: read(files.state),
        env: read(files.env),
        path: read(files.path),
        seconds: (performance.now() - started) / 1000,
        left,
      };
      rmSync(folder, { recursive: true, force: true });
      resolve(result);
    });
  });
  const cancel = (): Promise<StepResult> => {
    child.kill('SIGINT');
    let kill: NodeJS.Timeout | undefined;
    const term = setTimeout(() => {
      child.kill('SIGTERM');
      kill = setTimeout(killTree, SIGKILL_AFTER_MS);
    }, SIGTERM_AFTER_MS);
    return done.finally(() => {
      clearTimeout(term);
      clearTimeout(kill);
    });
  };
  return { child, done, log: () => log, cancel };
}

/** `startStep`, to its end. */
export const runStep = (
  inputs: Readonly<Record<string, string>>,
  env?: Readonly<Record<string, string>>,
  onLine?: (line: string) => void,
): Promise<StepResult> => startStep(inputs, env, onLine).done;

/** Calls `onLine` for each line, which ends as for the runner: at CR, LF or CRLF, and not at U+2028 as for readline. */
function onLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    // A CR at the end may be half of a CRLF.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest.replace(/\r$/, ''));
  });
}
