import { z } from 'zod';
import type { Queue } from '../queue/queue.ts';
import type { DoctorReply, InspectReply, Unattended } from '../queue/report-replies.ts';
import { describeError } from '../text/describe-error.ts';
import { bad, type Check, good, warning } from './check.ts';
import { defineCommand } from './command.ts';
import { gitHubChecks, wakeChecks, workerChecks } from './doctor-liveness.ts';
import { githubToken, secondsOf, silenceMinutes } from './fields.ts';
import type { GitHub } from './github-repository.ts';
import { snoozedAdvice, snoozedWords } from './snoozed.ts';
import { UNATTENDED_ADVICE, unattendedWords } from './unattended.ts';

const doctorInput = z.object({
  silenceMinutes,
  githubToken: githubToken.describe(
    'Also look after the 60 days after which GitHub switches schedules off, and after disabled workflows (actions: read). The token of the job (github.token) will do.',
  ),
});

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

/** The clock of this machine matters only to messages; but one that is this wrong breaks TLS and the times in logs. */
const CLOCK_SECONDS = 60;
const NAMED = 8;

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
  try {
    const { schema } = await queue.checkSchema();
    checks.push(
      good('URL and key', 'The project answers and accepts the key.'),
      good('Schema', `Version ${schema}, which this release can use.`),
    );
  } catch (error) {
    return [bad('Connection', describeError(error), 'Fix this first: the other checks need it.')];
  }
  // Each part is asked for alone: in a broken schema some of them still answer.
  const parts: (() => Promise<Check[]>)[] = [
    async () => inspectChecks(await queue.inspect()),
    async () => {
      const facts = await queue.doctor();
      return [
        ...accessChecks(facts),
        clockCheck(now(), facts.now),
        ...(facts.read_only ? [READ_ONLY] : []),
        ...snoozeChecks(facts),
        good('Database', `Postgres ${facts.server_version}, statement timeout ${facts.statement_timeout}.`),
        ...workerChecks(facts, silenceSeconds),
        ...wakeChecks(facts.wake, new Date(facts.now)),
      ];
    },
    async () => unattendedChecks(await queue.unattended(), now()),
    async () => (github ? await gitHubChecks(github, now()) : []),
  ];
  for (const part of parts) {
    const found = await part().catch((error: unknown) => [bad('Schema', describeError(error), '')]);
    checks.push(...found);
  }
  // An error that several parts met is named once.
  return checks.filter(
    (check, at) => checks.findIndex((one) => one.name === check.name && one.found === check.found) === at,
  );
}

function inspectChecks({ differences, reached_through: ways }: InspectReply): Check[] {
  const checks: Check[] = [];
  const name = 'What is installed';
  if (differences === null) {
    checks.push(
      warning(
        name,
        'It is not known what this database should hold.',
        'Run sql/install.sql of this release: it records what it makes.',
      ),
    );
  } else if (differences.length === 0) {
    checks.push(good(name, 'Everything is as sql/install.sql made it.'));
  } else {
    const repairs = differences.flatMap(({ repair }) => (repair === null ? [] : [`${repair};`]));
    const first = repairs.length < differences.length ? 'Run sql/install.sql again. ' : '';
    checks.push(
      bad(
        name,
        `${some(differences.map(({ thing, state }) => `${thing} is ${state}`))}.`,
        `${first}${repairs.length > 0 ? `Run in the SQL Editor: ${repairs.slice(0, NAMED).join(' ')}` : ''}`.trim(),
      ),
    );
  }
  if (ways.length > 0) {
    const writes = ways.some((way) => /may .*(insert|update|delete).* through the view/.test(way));
    checks.push(
      (writes ? bad : warning)(
        'Ways around',
        `${some(ways)}.`,
        'Whoever can write a job decides what runs beside your secrets, and configs and results may be private. Make such a view security_invoker, or revoke it; keep a function only if everything that it allows is meant to be public.',
      ),
    );
  }
  return checks;
}

function accessChecks(facts: DoctorReply): Check[] {
  const checks: Check[] = [];
  if (facts.role === 'service_role') checks.push(good('Role of the key', 'service_role.'));
  else {
    checks.push(
      warning(
        'Role of the key',
        `The key has the role ${facts.role}.`,
        'The commands need the secret (service_role) key.',
      ),
    );
  }
  const missing = facts.missing_grants;
  checks.push(
    missing.length === 0
      ? good('Grants', 'The key may do all that is needed.')
      : bad('Grants', `Missing: ${some(missing)}.`, 'Run sql/install.sql again: it sets the grants.'),
  );
  const open = [
    ...facts.open_functions,
    ...facts.policies.map((policy) => `policy ${policy}`),
    ...facts.without_row_security.map((table) => `${table} without row level security`),
  ];
  if (open.length > 0) {
    checks.push(
      bad(
        'Public access',
        `Open to the public key: ${some(open)}.`,
        'Whoever can write a job decides what runs beside your secrets. Run sql/install.sql again: it closes this.',
      ),
    );
  } else if (facts.open_tables.length > 0) {
    checks.push(
      warning(
        'Public access',
        `Only row level security holds this back: ${some(facts.open_tables)}.`,
        'Run sql/install.sql again: it takes these grants back.',
      ),
    );
  } else checks.push(good('Public access', 'anon and authenticated can read no table and call no function.'));
  return checks;
}

const READ_ONLY = bad(
  'Writing',
  'The database is read-only.',
  'Supabase does that if the disk is full or a quota is used up: see Database > Reports and the Usage page of the project, free or add space, and leave read-only mode.',
);

/** Jobs that their handlers have put off for a day or more. */
const snoozeChecks = ({ snoozed_for_a_day: jobs, now }: DoctorReply): Check[] =>
  jobs.map((job) => warning('Snoozed jobs', snoozedWords(job, new Date(now)), snoozedAdvice(job)));

function clockCheck(now: Date, theirs: string): Check {
  const skew = Math.abs(now.getTime() - Date.parse(theirs)) / 1000;
  return skew < CLOCK_SECONDS
    ? good('Clock', `This machine and the database agree within ${Math.ceil(skew)} s.`)
    : warning(
        'Clock',
        `This machine is ${Math.round(skew)} s off the database.`,
        'Jobs go by the clock of the database, so nothing breaks; set the clock of this machine.',
      );
}

function unattendedChecks(found: Unattended, now: Date): Check[] {
  return found.map((one) => warning('Unattended jobs', unattendedWords(one, now), UNATTENDED_ADVICE));
}

const some = (names: readonly string[]): string =>
  names.slice(0, NAMED).join('; ') + (names.length > NAMED ? `; and ${names.length - NAMED} more` : '');
