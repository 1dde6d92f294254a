import type { Follower, RecurringJob } from '../queue/requests.ts';
import { nearest } from '../text/nearest.ts';
import type { FileJob } from './jobs-file.ts';

/** A job of a jobs file, by its key. `after` names the jobs that it comes after; null for one with a schedule of its own. */
export interface KeyedJob extends FileJob {
  readonly key: string;
  readonly after: readonly string[] | null;
}

/** What a ref may be: the handler of a job reads the results of those before it by their keys. */
const REF = /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/;

/**
 * Puts each job with `after` under the recurring job that it comes after, directly or by others.
 * @param known the keys of all jobs of the file, also of those that cannot be used
 * @param problems gets what is wrong with an `after`, with the place of its job
 */
export function withFollowers(
  jobs: readonly KeyedJob[],
  known: readonly string[],
  problems: string[],
): RecurringJob[] {
  const byKey = new Map(jobs.map((job) => [job.key, job]));
  const roots = new Map<string, string>();
  for (const job of jobs) {
    if (job.after === null) continue;
    const problem = unknownParent(job.after, known) ?? circle(job, byKey);
    const found = problem === null ? rootsOf(job, byKey) : [];
    if (problem !== null) problems.push(`${job.place}: ${problem}`);
    else if (found.length > 1)
      problems.push(
        `${job.place}: its after leads to jobs with schedules of their own: ${found.join(', ')}. Give one of them the schedule, and let the others come after it`,
      );
    else if (found[0] !== undefined) roots.set(job.key, found[0]);
  }
  return jobs
    .filter(({ after }) => after === null)
    .map(({ key, job }) => {
      const followers = inOrder(
        jobs.filter((one) => roots.get(one.key) === key),
        byKey,
      );
      return followers.length === 0 ? job : { ...job, followers: followers.map((one) => follower(one, key)) };
    });
}

function unknownParent(after: readonly string[], known: readonly string[]): string | null {
  for (const key of after) {
    if (!known.includes(key)) {
      const near = nearest(key, known);
      return `its after names ${JSON.stringify(key)}, which is no job of the file.${near === null ? '' : ` Did you mean ${near}?`}`;
    }
    if (!REF.test(key))
      return `its after names ${JSON.stringify(key)}: the key of a job that others come after is 1 to 100 letters, digits and _ -, and begins with a letter`;
  }
  return new Set(after).size < after.length ? 'its after names a job twice' : null;
}

/** The way from a job back to itself, in words; null if there is none. */
function circle(job: KeyedJob, byKey: ReadonlyMap<string, KeyedJob>): string | null {
  const seen = new Set<string>();
  const walk = (key: string, way: readonly string[]): string | null => {
    if (key === job.key && way.length > 0) return [...way, key].join(' → ');
    if (seen.has(key)) return null;
    seen.add(key);
    for (const parent of byKey.get(key)?.after ?? []) {
      const found = walk(parent, [...way, key]);
      if (found !== null) return found;
    }
    return null;
  };
  const way = walk(job.key, []);
  return way === null ? null : `its after goes in a circle: ${way}`;
}

/** The keys of the recurring jobs that a job comes after. */
function rootsOf(job: KeyedJob, byKey: ReadonlyMap<string, KeyedJob>): string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const walk = (key: string): void => {
    if (seen.has(key)) return;
    seen.add(key);
    const { after } = byKey.get(key) ?? { after: [] };
    if (after === null) found.add(key);
    else for (const parent of after) walk(parent);
  };
  walk(job.key);
  return [...found];
}

/** Each job behind those that it comes after, and otherwise as in the file. */
function inOrder(jobs: readonly KeyedJob[], byKey: ReadonlyMap<string, KeyedJob>): KeyedJob[] {
  const ordered = new Set<KeyedJob>();
  const place = (job: KeyedJob): void => {
    if (ordered.has(job)) return;
    for (const key of job.after ?? []) {
      const parent = byKey.get(key);
      if (parent !== undefined && parent.after !== null) place(parent);
    }
    ordered.add(job);
  };
  for (const job of jobs) place(job);
  return [...ordered];
}

function follower({ key, job, after }: KeyedJob, root: string): Follower {
  const others = (after ?? []).filter((name) => name !== root);
  return {
    ...job,
    ...(REF.test(key) && { ref: key }),
    depends_on: others,
    ...(others.length < (after ?? []).length && { after_root: true }),
  };
}
