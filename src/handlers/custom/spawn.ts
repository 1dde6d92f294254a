/** The jobs that an attempt spawns: what `context.spawn` and the file CLOUD_JOBS_SPAWN ask for, as the queue takes it. */
import { type ListedJob, newJob, OPTIONS } from '../../listed-job.ts';
import type { NewJob } from '../../queue/requests.ts';
import type { Json } from '../../queue/types.ts';
import { messageOf } from '../../text/describe-error.ts';
import { nearest } from '../../text/nearest.ts';
import { readCustomConfig } from './config.ts';
import { asJson } from './json.ts';

/** What the database takes of one attempt. */
const MAX_JOBS = 5_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** Every run of the handler would add one more recurring job, and nothing can wait for one. */
const NOT_SPAWNED: readonly string[] = ['jobId', 'schedule', 'timezone'];
const KNOWN = OPTIONS.filter(([option]) => !NOT_SPAWNED.includes(option));
const EXAMPLE = '{"handler": "page", "config": {"n": 1}}';
const { parse, stringify } = JSON;

/** A list of jobs, and one that starts when all of them have succeeded. */
interface Group {
  readonly jobs: readonly NewJob[];
  readonly collector: NewJob | null;
}

/** Collects what is spawned until the attempt ends; it counts only if that ends with success. */
export class Spawned {
  readonly #jobs: NewJob[] = [];
  readonly #pending: Promise<void>[] = [];
  #bytes = 0;

  /**
   * What `context.spawn` does: keeps all of the jobs, or none if it rejects.
   * @throws TypeError for what is no job, RangeError for too many
   */
  spawn(jobs: unknown, options: unknown): Promise<void> {
    const added = this.#addGiven(jobs, options);
    // For a handler that does not wait for it.
    this.#pending.push(added.catch(() => {}));
    // A promise of its own: if nobody handles its rejection, the attempt fails.
    return added.then(() => {});
  }

  /** All jobs, once every call has ended. */
  async jobs(): Promise<readonly NewJob[]> {
    // A handler may have replaced Promise.
    for (let i = 0; i < this.#pending.length; i += 1) await this.#pending[i];
    return this.#jobs;
  }

  async #addGiven(jobs: unknown, options: unknown): Promise<void> {
    if (!Array.isArray(jobs)) throw new TypeError(`context.spawn takes a list of jobs: [${EXAMPLE}].`);
    const { then: collector, ...other } = Object(options) as Record<string, unknown>;
    const wrong = Object.keys(other)[0];
    if (wrong !== undefined)
      throw new TypeError(
        `context.spawn has no option ${stringify(wrong)}: it takes { then: { handler, config } }.`,
      );
    const names = KNOWN.map(([option]) => option);
    const listed = await Promise.all(
      jobs.map((job, index) => read(job, names, `context.spawn: job ${index + 1}`)),
    );
    const last =
      collector === undefined ? null : await read(collector, names, 'context.spawn: the job in then');
    this.#add([{ jobs: listed, collector: last }]);
  }

  /**
   * Adds what the lines of CLOUD_JOBS_SPAWN say: a job each, by the names of the columns, and `{"then": {…}}` for one that starts
   * when the jobs of the lines before it have succeeded, from the `then` before on.
   * @throws Error that names the line
   */
  async addLines(text: string): Promise<void> {
    const groups: Group[] = [];
    let jobs: NewJob[] = [];
    const names = KNOWN.map(([, column]) => column);
    for (const [index, line] of text.split('\n').entries()) {
      if (line.trim() === '') continue;
      const where = `Line ${index + 1} of CLOUD_JOBS_SPAWN`;
      const given = parseLine(line, where);
      if (given !== null && typeof given === 'object' && Object.keys(given).join() === 'then') {
        const collector = await read((given as { readonly then: unknown }).then, names, where);
        groups.push({ jobs, collector });
        jobs = [];
      } else jobs.push(await read(given, names, where));
    }
    this.#add([...groups, { jobs, collector: null }]);
  }

  #add(groups: readonly Group[]): void {
    const fresh: NewJob[] = [];
    for (const { jobs, collector } of groups) {
      const refs: string[] = [];
      for (const job of jobs) {
        const ref = job.ref ?? `_${this.#jobs.length + fresh.length + 1}`;
        refs.push(ref);
        fresh.push({ ...job, ref });
      }
      if (collector !== null)
        fresh.push({ ...collector, depends_on: [...new Set([...refs, ...(collector.depends_on ?? [])])] });
    }
    const bytes = this.#bytes + Buffer.byteLength(stringify(fresh));
    if (this.#jobs.length + fresh.length > MAX_JOBS || bytes > MAX_BYTES)
      throw new RangeError(
        `An attempt can spawn up to ${MAX_JOBS} jobs, of ${MAX_BYTES} bytes of JSON in all. Let the jobs that it spawns spawn more.`,
      );
    this.#bytes = bytes;
    for (const job of fresh) this.#jobs.push(job);
  }
}

function parseLine(line: string, where: string): Json {
  try {
    return parse(line) as Json;
  } catch (error) {
    throw new Error(`${where} is not JSON.`, { cause: error });
  }
}

/**
 * One job as the queue takes it.
 * @param names what a job may have besides `handler` and `config`
 * @throws TypeError that begins with `where`
 */
async function read(given: unknown, names: readonly string[], where: string): Promise<NewJob> {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError(`${where} is no job. Write an object such as ${EXAMPLE}.`);
  const { handler, config = {}, ...rest } = given as Record<string, unknown>;
  const wrong = Object.keys(rest).find((key) => !names.includes(key));
  if (wrong !== undefined) {
    const near = nearest(wrong, names);
    const hint = near === null ? `Known are: handler, config, ${names.join(', ')}.` : `Did you mean ${near}?`;
    throw new TypeError(`${where} has ${stringify(wrong)}, which is not known here. ${hint}`);
  }
  if (!['string', 'object', 'function'].includes(typeof handler) || handler === null)
    throw new TypeError(`${where} names no handler. Write an object such as ${EXAMPLE}.`);
  if (typeof config !== 'object' || config === null || Array.isArray(config))
    throw new TypeError(`${where} has a config that is no object.`);
  const options = KNOWN.map(([option, column]) => [option, rest[names.includes(option) ? option : column]]);
  try {
    const job = await newJob({ ...Object.fromEntries(options), handler, config } as ListedJob, 'spawn');
    const { depends_on: parents = [], ref } = job;
    if (!Array.isArray(parents)) throw new TypeError('its dependsOn is no list');
    if (/^_\d+$/.test(String(ref)))
      throw new TypeError(`its ref ${ref} is one that jobs without a ref get: begin it with a letter`);
    readCustomConfig(job.config ?? null);
    return asJson(job, 'its job') as unknown as NewJob;
  } catch (error) {
    throw new TypeError(`${where} cannot be spawned: ${messageOf(error)}`, { cause: error });
  }
}
