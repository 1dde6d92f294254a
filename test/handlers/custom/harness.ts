import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CustomHandlers, type CustomHandlersOptions } from '../../../src/handlers/custom/custom-handlers.ts';
import {
  type AbortCause,
  AbortReason,
  type HandlerContext,
  type HandlerOutcome,
  type QueuePause,
} from '../../../src/handlers/handler.ts';
import { LocalMemory } from '../../../src/handlers/local-memory.ts';
import type { ClaimedJob, Progress } from '../../../src/queue/job.ts';
import type { Json } from '../../../src/queue/types.ts';

export const HOST_SCRIPT = new URL('../../../src/handlers/custom/host.ts', import.meta.url);

export const JOB: ClaimedJob = {
  job_id: '0198f5a2-0000-7000-8000-000000000001',
  execution_id: '0198f5a2-0000-7000-8000-000000000002',
  name: 'A custom job',
  job_type: 'custom',
  config: {},
  description: 'what it is for',
  queue: 'default',
  priority: 0,
  attempt: 2,
  current_retries: 1,
  max_retries: 3,
  occurrence: 1,
  timeout_seconds: 60,
  schedule: null,
  timezone: null,
  unique_key: null,
  concurrency_key: null,
  run_at: '2026-01-02T03:04:05.000Z',
  scheduled_for: '2026-01-02T03:04:05.000Z',
  created_at: '2026-01-02T03:00:00.000Z',
};

export interface Run {
  readonly outcome: HandlerOutcome;
  /** `out` and `err` lines in the order in which they came. */
  readonly lines: readonly string[];
  readonly progress: readonly Progress[];
  readonly secrets: readonly string[];
  readonly pauses: readonly QueuePause[];
}

export interface Running {
  readonly ended: Promise<Run>;
  /** Lines and progress so far. */
  readonly lines: readonly string[];
  readonly progress: readonly Progress[];
  abort(cause: AbortCause): void;
}

/** The environment of a step, with what must not reach a handler. */
export const STEP_ENV: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '/',
  GREETING: 'from the step',
  GITHUB_REPOSITORY: 'owner/repo',
  GITHUB_TOKEN: 'given on purpose',
  'INPUT_SUPABASE-KEY': 'the key',
  INPUT_COMMAND: 'run',
  STATE_isPost: 'true',
  ACTIONS_RUNTIME_TOKEN: 'token',
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'token',
  GITHUB_OUTPUT: '/nowhere/output',
  GITHUB_STEP_SUMMARY: '/nowhere/summary',
};

/** A folder that lives as long as the test. A name with a `*` in front gets a run bit. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'handlers-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [given, text] of Object.entries(files)) {
    const path = join(folder, given.replace(/^\*/, ''));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, given.startsWith('*') ? 0o755 : 0o644);
  }
  return folder;
}

/** The handlers of a folder with these files, closed when the test ends. */
export function openHandlers(
  files: Readonly<Record<string, string>>,
  given: Partial<CustomHandlersOptions> = {},
) {
  const folder = given.folder ?? folderOf(files);
  const scratchDir = mkdtempSync(join(tmpdir(), 'custom-test-'));
  const handlers = new CustomHandlers({
    folder,
    hostScript: HOST_SCRIPT,
    env: STEP_ENV,
    scratchDir,
    graceMs: 300,
    ...given,
  });
  onTestFinished(async () => {
    await handlers.close();
    rmSync(scratchDir, { recursive: true, force: true });
  });

  const start = (config: Json, job: Partial<ClaimedJob> = {}): Running => {
    const controller = new AbortController();
    const lines: string[] = [];
    const progress: Progress[] = [];
    const secrets: string[] = [];
    const pauses: QueuePause[] = [];
    const context: HandlerContext = {
      job: { ...JOB, ...job, config },
      config,
      idempotencyKey: 'key-1',
      signal: controller.signal,
      log: {
        line: (text, stream = 'stdout') => lines.push(`${stream === 'stdout' ? 'out' : 'err'} ${text}`),
        warning: (text) => lines.push(`warning ${text}`),
      },
      progress: (value) => progress.push(value),
      pauseQueue: (pause) => pauses.push(pause),
      secret: (value) => {
        secrets.push(value);
        lines.push(`secret ${value}`);
      },
      memory: new LocalMemory(),
      redact: (text) => secrets.reduce((safe, secret) => safe.replaceAll(secret, '***'), text),
    };
    return {
      lines,
      progress,
      abort: (cause) => controller.abort(new AbortReason(cause, `stopped by the test (${cause})`)),
      ended: handlers.handler(context).then((outcome) => ({ outcome, lines, progress, secrets, pauses })),
    };
  };
  const run = (config: Json, job?: Partial<ClaimedJob>): Promise<Run> => start(config, job).ended;
  return {
    validate: (config: Json) => handlers.validate(config),
    close: () => handlers.close(),
    folder,
    scratchDir,
    start,
    run,
  };
}

/** Waits until `condition` gives a value, looking every few milliseconds. */
export async function waitFor<T>(
  condition: () => T | undefined | null | false,
  what: string,
  ms = 10_000,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== null && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`Waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Whether a process is alive; a zombie is not. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3));
  } catch {
    return process.platform !== 'linux';
  }
}

/** The number behind `name=` in the lines, such as a pid that a handler printed. */
export function printed(lines: readonly string[], name: string): number | undefined {
  for (const line of lines) {
    const found = new RegExp(`${name}=(\\d+)`).exec(line);
    if (found) return Number(found[1]);
  }
  return undefined;
}

export function isEmpty(folder: string): boolean {
  return readdirSync(folder).length === 0;
}
