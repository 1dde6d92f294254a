import { constants } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClaimedJob } from '../../queue/job.ts';
import type { Json } from '../../queue/types.ts';
import { hasCode } from './errors.ts';
import { asJson } from './json-result.ts';

/** Linux takes no environment string longer than 128 KiB with its name and end (execve(2), MAX_ARG_STRLEN). */
const MAX_ENV_STRING = process.platform === 'win32' ? 32_767 : 131_072;
/** More than any result that the queue takes; only guards the memory of the worker. */
const MAX_RESULT_BYTES = 16 * 1024 * 1024;

export interface JobFiles {
  /** What tells the handler about its job. */
  readonly env: Readonly<Record<string, string>>;
  /** The job as a line of JSON, for standard input. */
  readonly input: string;
  readonly resultPath: string;
  readonly progressPath: string;
  remove(): Promise<void>;
}

/** Makes the folder of one run of an executable: readable by this user alone, removed afterwards. */
export async function createJobFiles(
  scratchDir: string,
  job: ClaimedJob,
  idempotencyKey: string,
): Promise<JobFiles> {
  await mkdir(scratchDir, { recursive: true });
  const folder = await mkdtemp(join(scratchDir, 'job-'));
  const paths = {
    job: join(folder, 'job.json'),
    result: join(folder, 'result.json'),
    progress: join(folder, 'progress'),
  };
  const json = JSON.stringify({ ...job, idempotency_key: idempotencyKey });
  // With a line end: the shell's `read` fails on a line without one.
  const input = `${json}\n`;
  await writeFile(paths.job, input, { mode: 0o600 });
  // It is there from the start, so that ">>" and a check for the file both work.
  await writeFile(paths.progress, '', { mode: 0o600 });
  const fits = Buffer.byteLength(`CLOUD_JOBS_JOB=${json}`) + 1 <= MAX_ENV_STRING;
  return {
    env: {
      ...(fits ? { CLOUD_JOBS_JOB: json } : {}),
      CLOUD_JOBS_JOB_FILE: paths.job,
      CLOUD_JOBS_RESULT: paths.result,
      CLOUD_JOBS_PROGRESS: paths.progress,
      CLOUD_JOBS_JOB_ID: job.job_id,
      CLOUD_JOBS_ATTEMPT: String(job.attempt),
      CLOUD_JOBS_IDEMPOTENCY_KEY: idempotencyKey,
    },
    input,
    resultPath: paths.result,
    progressPath: paths.progress,
    // A leftover file of a handler must not fail its job; the runner's temporary folder is emptied anyway.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 2 }).catch(() => {}),
  };
}

/**
 * Reads what the handler wrote to CLOUD_JOBS_RESULT; no file or an empty one is null.
 * @param redact takes the secrets out of what an error quotes, before that is cut
 * @throws Error that quotes the start of a file that is not JSON, and NotJsonError for what Postgres cannot store.
 */
export async function readResult(path: string, redact: (text: string) => string): Promise<Json> {
  let text: string;
  try {
    // Not blocking: a handler may have put a pipe there, which would be waited for without end.
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const info = await file.stat();
    if (!info.isFile()) throw new Error('The result file (CLOUD_JOBS_RESULT) is not a file any more.');
    if (info.size > MAX_RESULT_BYTES) {
      throw new Error(
        `The result file (CLOUD_JOBS_RESULT) has ${info.size} bytes; at most ${MAX_RESULT_BYTES} are read.`,
      );
    }
    text = decoded(await file.readFile());
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    if (!hasCode(error, 'EISDIR', 'EACCES', 'ELOOP')) throw error;
    throw new Error('The result file (CLOUD_JOBS_RESULT) cannot be read.', { cause: error });
  }
  if (text.trim() === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    const safe = redact(text);
    const start = JSON.stringify(safe.length > 200 ? `${safe.slice(0, 200)}…` : safe.trimEnd());
    const hint = /\b(NaN|Infinity)\b/.test(text) ? ' JSON has no NaN and no Infinity: write null.' : '';
    throw new Error(`The result file (CLOUD_JOBS_RESULT) is not JSON. It starts with ${start}.${hint}`, {
      cause: error,
    });
  }
  return asJson(value);
}

/** @throws Error for bytes that are no text: replaced, they would be another result */
function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new Error('The result file (CLOUD_JOBS_RESULT) is not UTF-8. Write it in this encoding.', {
      cause: error,
    });
  }
}
