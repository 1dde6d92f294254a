import { constants } from 'node:fs';
import { mkdir, mkdtemp, open, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClaimedJob, type Progress, progress } from '../../queue/job.ts';
import type { NewJob } from '../../queue/requests.ts';
import type { Json } from '../../queue/types.ts';
import { codeOf } from '../../text/describe-error.ts';
import { storableText } from '../../text/storable.ts';
import type { JobMemory } from '../handler.ts';
import { asJson } from './json.ts';
import { Spawned } from './spawn.ts';

/** Linux takes no environment string longer than 128 KiB with its name and end (execve(2), MAX_ARG_STRLEN). */
const MAX_ENV_STRING = process.platform === 'win32' ? 32_767 : 131_072;
/** More than the queue takes; only guards the memory of the worker. */
const MAX_WRITTEN_BYTES = 16 * 1024 * 1024;
/** Only the last line of progress counts, so only the end of the file is read. */
const PROGRESS_BYTES = 4_096;

export interface JobFiles {
  /** The variables that describe the job. */
  readonly env: Readonly<Record<string, string>>;
  /** The job as a line of JSON, for standard input. */
  readonly input: string;
  readonly resultPath: string;
  readonly progressPath: string;
  readonly stepsPath: string;
  readonly spawnPath: string;
  remove(): Promise<void>;
}

/** Makes the folder of one run of an executable: readable by this user alone, removed afterwards. */
export async function createJobFiles(
  scratchDir: string,
  job: ClaimedJob,
  idempotencyKey: string,
  memory: Pick<JobMemory, 'steps' | 'parents'>,
): Promise<JobFiles> {
  await mkdir(scratchDir, { recursive: true });
  const folder = await mkdtemp(join(scratchDir, 'job-'));
  const paths = {
    job: join(folder, 'job.json'),
    result: join(folder, 'result.json'),
    progress: join(folder, 'progress'),
    steps: join(folder, 'steps'),
    spawn: join(folder, 'spawn'),
  };
  const json = JSON.stringify({ ...job, idempotency_key: idempotencyKey, ...pastOf(memory) });
  // With a line end: the shell's `read` fails on a line without one.
  const input = `${json}\n`;
  await writeFile(paths.job, input, { mode: 0o600 });
  // It is there from the start, so that ">>" and a check for the file both work.
  await writeFile(paths.progress, '', { mode: 0o600 });
  await writeFile(paths.steps, '', { mode: 0o600 });
  await writeFile(paths.spawn, '', { mode: 0o600 });
  const fits = Buffer.byteLength(`CLOUD_JOBS_JOB=${json}`) + 1 <= MAX_ENV_STRING;
  return {
    env: {
      ...(fits ? { CLOUD_JOBS_JOB: json } : {}),
      CLOUD_JOBS_JOB_FILE: paths.job,
      CLOUD_JOBS_RESULT: paths.result,
      CLOUD_JOBS_PROGRESS: paths.progress,
      CLOUD_JOBS_STEPS: paths.steps,
      CLOUD_JOBS_SPAWN: paths.spawn,
      CLOUD_JOBS_JOB_ID: job.job_id,
      CLOUD_JOBS_ATTEMPT: String(job.attempt),
      CLOUD_JOBS_IDEMPOTENCY_KEY: idempotencyKey,
    },
    input,
    resultPath: paths.result,
    progressPath: paths.progress,
    stepsPath: paths.steps,
    spawnPath: paths.spawn,
    // A leftover file of a handler must not fail its job; the runner's temporary folder is emptied anyway.
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 2 }).catch(() => {}),
  };
}

/** The finished steps and the parents of a job, by name and ref; nothing if it has none. */
function pastOf({ steps, parents }: Pick<JobMemory, 'steps' | 'parents'>) {
  return {
    ...(steps.length > 0 && { steps: Object.fromEntries(steps.map(({ name, result }) => [name, result])) }),
    ...(parents.length > 0 && {
      parents: Object.fromEntries(parents.map(({ ref, ...parent }) => [ref, parent])),
    }),
  };
}

/**
 * Reads what the handler wrote to CLOUD_JOBS_RESULT; no file or an empty one is null.
 * @param redact takes the secrets out of what an error quotes, before that is cut
 * @throws Error that quotes the start of a file that is not JSON, and NotJsonError for what Postgres cannot store.
 */
export async function readResult(path: string, redact: (text: string) => string): Promise<Json> {
  const text = await readWritten(path, 'The result file (CLOUD_JOBS_RESULT)');
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

/**
 * The text of a file that a handler may have written; empty if there is none.
 * @param what names the file in errors
 * @throws Error for what is no file, is too large, or is no text: replaced, its bytes would be another text
 */
async function readWritten(path: string, what: string): Promise<string> {
  try {
    // Not blocking: a handler may have put a pipe there, which would be waited for without end.
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const info = await file.stat();
    if (!info.isFile()) throw new Error(`${what} is not a file any more.`);
    if (info.size > MAX_WRITTEN_BYTES)
      throw new Error(`${what} has ${info.size} bytes; at most ${MAX_WRITTEN_BYTES} are read.`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile());
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return '';
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new Error(`${what} is not UTF-8. Write it in this encoding.`, { cause: error });
    if (!['EISDIR', 'EACCES', 'ELOOP'].includes(code)) throw error;
    throw new Error(`${what} cannot be read.`, { cause: error });
  }
}

/**
 * Reads the jobs that the handler wrote to CLOUD_JOBS_SPAWN.
 * @throws Error that names the line
 */
export async function readSpawn(path: string): Promise<readonly NewJob[]> {
  const spawned = new Spawned();
  await spawned.addLines(await readWritten(path, 'The file of jobs to spawn (CLOUD_JOBS_SPAWN)'));
  return await spawned.jobs();
}

/**
 * One progress line: `done`, `done/total` or either with a note behind it, or JSON
 * `{"done": 3, "total": 10, "note": "…"}`. Null when it is neither.
 */
export function parseProgress(line: string): Progress | null {
  const text = line.trim();
  if (text.startsWith('{')) return parseJson(text);
  const [, done, total, note = ''] =
    /^(\d+(?:\.\d+)?)(?:\s*\/\s*(\d+(?:\.\d+)?))?(?:\s+(.*))?$/.exec(text) ?? [];
  if (done === undefined) return null;
  return build(Number(done), total === undefined ? undefined : Number(total), note);
}

function parseJson(text: string): Progress | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const { data } = progress.safeParse(value);
  if (data === undefined || data.done < 0 || (data.total ?? 0) < 0) return null;
  return build(data.done, data.total, data.note ?? '');
}

function build(done: number, total: number | undefined, note: string): Progress {
  const shown = storableText(note.trim());
  return {
    done,
    ...(total === undefined ? {} : { total }),
    ...(shown === '' ? {} : { note: shown }),
  };
}

/**
 * Follows a progress file. Each `read` reports the newest line if the file changed; a file that is written anew
 * in place of being appended to works as well. The first line that is no progress is reported.
 */
export class ProgressFile {
  readonly #path: string;
  readonly #report: (progress: Progress) => void;
  readonly #complain: (line: string) => void;
  #reading: Promise<void> = Promise.resolve();
  #seen = '';
  #complained = false;

  constructor(path: string, report: (progress: Progress) => void, complain: (line: string) => void) {
    this.#path = path;
    this.#report = report;
    this.#complain = complain;
  }

  /** @param last True for the last reading, which takes a line without its line end too. */
  read(last: boolean): Promise<void> {
    // One after the other, so that an older reading never reports after a newer one.
    this.#reading = this.#reading.then(() => this.#readOnce(last));
    return this.#reading;
  }

  async #readOnce(last: boolean): Promise<void> {
    const text = await this.#readEnd();
    if (text === null) return;
    const lines = text.split('\n');
    const open = lines.pop() ?? '';
    if (last && open.trim() !== '') lines.push(open);
    const line = lines.findLast((each) => each.trim() !== '');
    if (line === undefined) return;
    const found = parseProgress(line);
    if (found !== null) this.#report(found);
    else if (!this.#complained) {
      this.#complained = true;
      this.#complain(line);
    }
  }

  async #readEnd(): Promise<string | null> {
    try {
      const { size, mtimeMs } = await stat(this.#path);
      const state = `${size} ${mtimeMs}`;
      if (size === 0) return null;
      await using file = await open(this.#path, 'r');
      const from = Math.max(0, size - PROGRESS_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
      const end = buffer.toString('utf8', 0, bytesRead);
      // What the window cut in two is no line, and part of a secret would not be found.
      const text = from === 0 ? end : end.slice(end.indexOf('\n') + 1 || end.length);
      if (this.#seen === `${state}\n${text}`) return null;
      this.#seen = `${state}\n${text}`;
      return text;
    } catch {
      // Removed or replaced by the handler, which does not fail the job: progress is optional.
      return null;
    }
  }
}
