import { z } from 'zod';
import type { Queue } from '../queue/queue.ts';
import { describeError } from '../text/describe-error.ts';
import { defineCommand } from './command.ts';
import { gitHubChecks, wakeChecks, workerChecks } from './doctor-liveness.ts';
import { githubToken, secondsOf, silenceMinutes } from './fields.ts';
import type { GitHub } from './github-repository.ts';

const doctorInput = z.object({
  silenceMinutes,
  githubToken: githubToken.describe(
    'Also look after the 60 days after which GitHub switches schedules off, and after disabled workflows (actions: read). The token of the job (github.token) will do.',
  ),
});

/** One thing that doctor looked at. */
export interface Check {
  readonly name: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly found: string;
  /** Empty if there is nothing to do. */
  readonly advice: string;
}

export interface DoctorResult {
  readonly command: 'doctor';
  readonly checks: readonly Check[];
}

export const doctor = defineCommand({
  name: 'doctor',
  about: 'Check URL, key, schema, grants, clock and workers, and say what to do.',
  input: doctorInput,
  run: async (input, { queue, now, github }): Promise<DoctorResult> => ({
    command: 'doctor',
    checks: await examine(queue, now, secondsOf(input.silenceMinutes), github(input.githubToken)),
  }),
  json: ({ checks }) => checks,
  text: ({ checks }) =>
    checks
      .map(
        (check) =>
          `${{ good: 'ok  ', warning: 'warn', bad: 'BAD ' }[check.state]}  ${check.name}: ${check.found}${check.advice ? `\n      ${check.advice}` : ''}`,
      )
      .join('\n'),
  exitCode: ({ checks }) => (checks.some((check) => check.state === 'bad') ? 1 : 0),
});

/** A worker's own clock is used for nothing but messages; still, a clock this wrong breaks TLS and log times. */
const CLOCK_SECONDS = 60;

/**
 * Looks at everything that has to be right. Never throws: what cannot be looked at is a finding.
 * @param silenceSeconds longer without a worker is worth a warning
 * @param github null: GitHub is not asked
 */
export async function examine(
  queue: Queue,
  now: () => Date,
  silenceSeconds: number,
  github: GitHub | null,
): Promise<Check[]> {
  const checks: Check[] = [];
  const add = (name: string, state: Check['state'], found: string, advice = ''): void => {
    checks.push({ name, state, found, advice });
  };
  let facts: Awaited<ReturnType<Queue['doctor']>>;
  try {
    const { schema } = await queue.checkSchema();
    add('URL and key', 'good', 'The project answers and accepts the key.');
    add('Schema', 'good', `Version ${schema}, which this release can use.`);
    facts = await queue.doctor();
  } catch (error) {
    add('Connection', 'bad', describeError(error), 'Fix this first: the other checks need it.');
    return checks;
  }
  const list = (names: readonly string[]): string =>
    names.slice(0, 8).join('; ') + (names.length > 8 ? `; and ${names.length - 8} more` : '');

  if (facts.role === 'service_role') add('Role of the key', 'good', 'service_role.');
  else
    add(
      'Role of the key',
      'warning',
      `The key has the role ${facts.role}.`,
      'The commands need the secret (service_role) key.',
    );

  if (facts.missing_grants.length === 0) add('Grants', 'good', 'The key may do all that is needed.');
  else
    add(
      'Grants',
      'bad',
      `Missing: ${list(facts.missing_grants)}.`,
      'Run sql/install.sql again: it sets the grants.',
    );

  const open = [...facts.open_functions, ...facts.policies.map((policy) => `policy ${policy}`)];
  if (open.length > 0 || facts.without_row_security.length > 0) {
    add(
      'Public access',
      'bad',
      `Open to the public key: ${list([...open, ...facts.without_row_security.map((name) => `${name} without row level security`)])}.`,
      'Whoever can write a job decides what runs beside your secrets. Run sql/install.sql again: it closes this.',
    );
  } else if (facts.open_tables.length > 0) {
    add(
      'Public access',
      'warning',
      `Held back by row level security alone: ${list(facts.open_tables)}.`,
      'Run sql/install.sql again: it takes these grants back.',
    );
  } else {
    add('Public access', 'good', 'anon and authenticated can read and call nothing.');
  }

  const skew = Math.abs(now().getTime() - Date.parse(facts.now)) / 1000;
  if (skew < CLOCK_SECONDS)
    add('Clock', 'good', `This machine and the database agree within ${Math.ceil(skew)} s.`);
  else
    add(
      'Clock',
      'warning',
      `This machine is ${Math.round(skew)} s off the database.`,
      'Jobs go by the clock of the database, so nothing breaks; set the clock of this machine.',
    );
  if (facts.read_only) {
    add(
      'Writing',
      'bad',
      'The database is read-only.',
      'Supabase does that if the disk is full or a quota is used up: see Database > Reports and the Usage page of the project, free or add space, and leave read-only mode.',
    );
  }
  add('Database', 'good', `Postgres ${facts.server_version}, statement timeout ${facts.statement_timeout}.`);
  checks.push(
    ...(await workerChecks(facts, silenceSeconds)),
    ...wakeChecks(facts.wake, new Date(facts.now)),
    ...(github ? await gitHubChecks(github, now()) : []),
  );
  return checks;
}
