import type { WakeState } from '../queue/replies.ts';
import type { DoctorReply } from '../queue/report-replies.ts';
import { describeError } from '../text/describe-error.ts';
import { duration, moment, plural } from '../text/format.ts';
import { type Check, good, warning } from './check.ts';
import type { GitHub } from './github-repository.ts';
import { gapWords, LATE_ADVICE, SWITCH_OFF_ADVICE, switchOff } from './liveness.ts';
import { gapsOf } from './tick-gaps.ts';

/** pg_cron comes once a minute; it may be late, but not this late. */
const CRON_SILENCE_SECONDS = 600;
/** Once may be an accident. */
const IN_VAIN = 2;

/** Whether workers come, and as often as their schedules ask. */
export function workerChecks(
  facts: Pick<DoctorReply, 'now' | 'workers' | 'oldest_due_seconds'>,
  silenceSeconds: number,
): Check[] {
  const checks: Check[] = [];
  const { last_seen_at: seen, schedules } = facts.workers;
  const advice =
    'On GitHub, see the Actions page: whether the workflow is enabled, on the default branch, and what its last runs say. Elsewhere, see the log of the host.';
  const silent = seen === null ? null : (Date.parse(facts.now) - Date.parse(seen)) / 1000;
  if (silent === null && (facts.oldest_due_seconds ?? 0) > silenceSeconds) {
    const late = duration(facts.oldest_due_seconds ?? 0);
    checks.push(
      warning('Workers', `No worker has ever been seen, and a job has been due for ${late}.`, advice),
    );
  } else if (silent !== null && silent > silenceSeconds) {
    checks.push(warning('Workers', `No worker has been seen for ${duration(silent)}.`, advice));
  } else {
    checks.push(
      good(
        'Workers',
        silent === null ? 'None has come yet.' : `The last was seen ${duration(Math.max(0, silent))} ago.`,
      ),
    );
  }
  for (const { repository, schedule, ticks } of schedules) {
    const gaps = gapsOf(schedule, ticks);
    if (gaps === null) continue;
    const words = `${repository ? `${repository}: ` : ''}${gapWords(schedule, gaps)}`;
    checks.push(gaps.late ? warning('Ticks', words, LATE_ADVICE) : good('Ticks', words));
  }
  return checks;
}

/** Whether wake calls a function, and not a repository. */
const isUrl = (target: string): boolean => /^https?:\/\//.test(target);

/** What sql/optional/wake.sql did; nothing where it is not installed. */
export function wakeChecks(wake: WakeState | null, now: Date): Check[] {
  if (wake === null) return [];
  const name = 'Wake on work';
  const checks: Check[] = [];
  const silent = wake.last_tick_at === null ? null : (now.getTime() - Date.parse(wake.last_tick_at)) / 1000;
  if (silent === null || silent > CRON_SILENCE_SECONDS) {
    checks.push(
      warning(
        name,
        silent === null ? 'pg_cron has not come yet.' : `pg_cron has not come for ${duration(silent)}.`,
        'Run sql/optional/wake.sql again, and see what it says: select * from cron.job_run_details order by runid desc limit 5; if it has stopped, restart the database (Project Settings > General).',
      ),
    );
  }
  if (wake.watched.length === 0) {
    checks.push(
      warning(
        name,
        'It is installed and watches no queue.',
        "select cloud_jobs_wake.watch('default', 'OWNER/REPOSITORY');",
      ),
    );
  }
  for (const {
    queue,
    target,
    errors,
    in_vain: inVain,
    last_error: error,
    next_call_at: next,
  } of wake.watched) {
    const again = `Asked again ${moment(next, now) || 'when a job is due'}.`;
    if (errors > 0) {
      checks.push(
        warning(
          name,
          `${target} (queue ${queue}): ${error ?? 'a call failed'}`,
          `${plural(errors, 'error')} in a row. ${again}`,
        ),
      );
    } else if (inVain >= IN_VAIN) {
      checks.push(
        warning(
          name,
          `${target} (queue ${queue}) was asked ${inVain + 1} times, and no worker took a job.`,
          `${isUrl(target) ? 'See the log of the function: it' : 'Its workflow needs `on: repository_dispatch: types: [cloud-jobs]` on the default branch, and'} must take this queue and its job types. ${again}`,
        ),
      );
    }
  }
  if (checks.length > 0) return checks;
  return [
    good(
      name,
      `${plural(wake.watched.length, 'queue')} watched; ${plural(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed.`,
    ),
  ];
}

/** Whether GitHub runs the schedules of the repository, and goes on to. */
export async function gitHubChecks(github: GitHub, now: Date): Promise<Check[]> {
  const checks: Check[] = [];
  try {
    const near = switchOff(await github.about(), now);
    checks.push(
      near
        ? warning('60 days', near, SWITCH_OFF_ADVICE)
        : good('60 days', `${github.repository} is in no danger of having its schedules switched off.`),
    );
  } catch (error) {
    checks.push(
      warning(
        '60 days',
        `Not known: ${describeError(error)}`,
        'Give doctor a token that can read the repository.',
      ),
    );
  }
  try {
    const off = (await github.workflows()).filter(({ state }) => state !== 'active' && state !== 'deleted');
    checks.push(
      off.length === 0
        ? good('Workflows', 'All are enabled.')
        : warning(
            'Workflows',
            `Switched off: ${off
              .map(
                ({ path, state }) =>
                  `${path} (${state === 'disabled_inactivity' ? 'after 60 days without activity' : state})`,
              )
              .slice(0, 8)
              .join(', ')}.`,
            'Enable it on the Actions page, or with gh workflow enable.',
          ),
    );
  } catch (error) {
    checks.push(
      warning('Workflows', `Not known: ${describeError(error)}`, 'Give doctor a token with `actions: read`.'),
    );
  }
  return checks;
}
