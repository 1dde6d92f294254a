import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ACTION = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

export interface StepResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly log: string;
  readonly summary: string;
  readonly outputs: Record<string, string>;
  readonly seconds: number;
}

export interface Step {
  readonly child: ChildProcess;
  readonly done: Promise<StepResult>;
  log(): string;
}

/** Starts the packaged action as GitHub's runner does: `node` as the direct child, inputs and files by environment. */
export function startStep(inputs: Record<string, string>, env: Record<string, string> = {}): Step {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-step-'));
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary')];
  writeFileSync(output, '');
  writeFileSync(summary, '');
  const variables: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_REPOSITORY: 'octo/consumer',
    GITHUB_RUN_ID: '42',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_SERVER_URL: 'https://github.com',
    RUNNER_TEMP: folder,
    ...env,
  };
  for (const [name, value] of Object.entries(inputs)) variables[`INPUT_${name.toUpperCase()}`] = value;
  const started = performance.now();
  const child = spawn(process.execPath, [ACTION], { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stdout.on('data', (data: Buffer) => {
    log += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    log += data.toString();
  });
  const done = new Promise<StepResult>((resolve) =>
    child.on('close', (code, signal) => {
      const result = {
        code,
        signal,
        log,
        summary: readFileSync(summary, 'utf8'),
        outputs: parseOutputs(readFileSync(output, 'utf8')),
        seconds: (performance.now() - started) / 1000,
      };
      rmSync(folder, { recursive: true, force: true });
      resolve(result);
    }),
  );
  return { child, done, log: () => log };
}

export const runStep = (inputs: Record<string, string>, env?: Record<string, string>): Promise<StepResult> =>
  startStep(inputs, env).done;

/** `name<<delimiter`, lines, `delimiter`: the form of the runner's output file. */
function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  for (const match of text.matchAll(/^([^\n<]+)<<(\S+)\n([\s\S]*?)\n?^\2$/gm)) {
    outputs[match[1] ?? ''] = match[3] ?? '';
  }
  return outputs;
}

/** Resolves when `look` gives something other than undefined or false; fails after `seconds`. */
export async function until<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = 15,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`Nothing after ${seconds} s: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
