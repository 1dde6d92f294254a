import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { NewJob } from '../queue/requests.ts';
import { describeError } from '../text/describe-error.ts';
import { jsonFault } from '../text/json-fault.ts';
import { nearest } from '../text/nearest.ts';
import { CommandError } from './answer.ts';
import { create, newJob } from './create.ts';
import type { InputNaming } from './naming.ts';
import { inputNames, readFields } from './read-fields.ts';

/** What a job in the file may say: what create takes, without what the file's own form says. */
const NOT_OF_A_JOB: readonly string[] = ['unique-key', 'run-at', 'handlers'];
const keysOfAJob = (): string[] => inputNames(create).filter((name) => !NOT_OF_A_JOB.includes(name));
const MOST_JOBS = 1000;

/** A job of the file, and where it is: `key (line 5)`. */
export interface FileJob {
  readonly place: string;
  readonly job: NewJob;
}

/**
 * Reads a jobs file: `jobs:` with one entry for each job under its key, in the words of the command `create`.
 * @param text YAML 1.2
 * @param file how to call it in errors
 * @returns the jobs that can be read, and every problem of the others, each with its job and its line
 * @throws CommandError when it is no jobs file
 */
export async function readJobsFile(
  text: string,
  file: string,
  redact: (text: string) => string,
): Promise<{ readonly jobs: readonly FileJob[]; readonly problems: readonly string[] }> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const source = text.split(/\r\n|\n|\r/);
  // One mistake makes several errors on its line.
  const problems = [
    ...new Set(
      [...document.errors, ...document.warnings].map((error) => {
        const { line } = lines.linePos(error.pos[0]);
        const [, key] = /^\s*([\w-]+):\s*\*/.exec(source[line - 1] ?? '') ?? [];
        return key === undefined
          ? `line ${line}: ${error.message}`
          : `line ${line}: put the value of ${key} in quotes, ${key}: "*/5 * * * *": YAML takes a bare * for the name of something else`;
      }),
    ),
  ];
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) || key === null) return;
      const [start = 0] = (key as { range?: readonly number[] }).range ?? [];
      problems.push(`line ${lines.linePos(start).line}: a name must be a text`);
    },
  });
  if (problems.length > 0) throw fault(file, problems);
  const content = document.toJS({ maxAliasCount: 100 }) as unknown;
  if (!isRecord(content) || !isRecord(content.jobs)) {
    throw fault(file, ['it has no "jobs:" with an entry for each job under its key']);
  }
  const others = Object.keys(content).filter((key) => key !== 'jobs');
  if (others.length > 0) problems.push(`"${others[0]}" is not known here: only "jobs" is`);
  const entries = Object.entries(content.jobs);
  if (entries.length > MOST_JOBS) problems.push(`it has ${entries.length} jobs; ${MOST_JOBS} are the most`);

  const nodes = document.get('jobs');
  const lineOf = (key: string): string => {
    const pair = isMap(nodes) ? nodes.items.find((item) => String(item.key) === key) : undefined;
    const offset = (pair?.key as { range?: readonly number[] } | undefined)?.range?.[0];
    return offset === undefined ? '' : ` (line ${lines.linePos(offset).line})`;
  };
  const jobs: FileJob[] = [];
  for (const [key, value] of entries) {
    const place = `${key}${lineOf(key)}`;
    const found: string[] = [];
    const job = readJob(key, value, redact, found);
    if (job !== null && found.length === 0) jobs.push({ place, job });
    problems.push(...found.map((problem) => `${place}: ${problem}`));
  }
  return { jobs, problems };
}

/** Adds what is wrong to `problems`; the job is then not to be used. */
function readJob(
  key: string,
  value: unknown,
  redact: (text: string) => string,
  problems: string[],
): NewJob | null {
  if (!isRecord(value)) {
    problems.push('it is not a list of "name: value" pairs');
    return null;
  }
  const keys = keysOfAJob();
  const raw: Record<string, string> = {};
  for (const [name, given] of Object.entries(value)) {
    // YAML can say what JSON would change in silence (.nan, .inf), and what is too deep to be written.
    const unfit = name === 'config' ? jsonFault(given) : null;
    const text = unfit === null ? asText(name, given) : null;
    if (!keys.includes(name)) {
      const near = nearest(name, keys);
      const hint = near === null ? `Known are: ${keys.join(', ')}` : `Did you mean ${near}?`;
      problems.push(`"${name}" is not known here. ${hint}`);
    } else if (unfit !== null) {
      problems.push(`its config ${unfit}`);
      // Told once; what else a config must hold is not to be told of one that is there.
      if (value['job-type'] === 'custom') raw.config = '{"handler": "x"}';
    } else if (text === null) {
      problems.push(`its ${name} is not a text or a number`);
    } else {
      raw[name] = text;
    }
  }
  if (!('schedule' in value) || raw.schedule?.trim() === '') {
    problems.push(
      'it has no schedule. The file is for recurring jobs: one that runs once would be created again with every apply',
    );
    // What only a schedule makes sense of would be told as a problem of its own.
    raw.schedule = '@daily';
  }
  const given = new Map(
    Object.entries({ name: key, ...raw, 'unique-key': key }).filter(([, text]) => text.trim() !== ''),
  );
  const read = readFields(create, given, { ...NAMING, redact });
  problems.push(...read.problems.map(redact));
  if (read.problems.length > 0) return null;
  try {
    return newJob(read.input);
  } catch (error) {
    problems.push(describeError(error));
    return null;
  }
}

const NAMING: Omit<InputNaming, 'redact'> = { label: (name) => name, noun: 'input', missing: () => '' };

/** A value as the text that the same input of the action would have; null where it has none. */
function asText(name: string, value: unknown): string | null {
  if (value === null || value === undefined) return '';
  if (name === 'config') return JSON.stringify(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value);
  return null;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is wrong with a jobs file, one line for each problem. */
export function fault(file: string, problems: readonly string[]): CommandError {
  const list = problems.map((problem) => `- ${problem}`).join('\n');
  return new CommandError(`${file} cannot be applied; nothing was changed:\n${list}`);
}
