import type { Arrival } from '../queue/replies.ts';
import { describeError } from '../text/describe-error.ts';
import type { CommandContext } from './command.ts';
import type { GitHub } from './github-repository.ts';
import { keepAlive } from './keepalive.ts';
import { gapWords, LATE_ADVICE, SWITCH_OFF_ADVICE, silence, switchOff } from './liveness.ts';
import type { RunInput } from './run.ts';
import { gapsOf } from './tick-gaps.ts';

type RunWarningsDeps = Pick<CommandContext, 'now' | 'github' | 'warn' | 'workflowFiles'>;

/**
 * What is wrong around a run that did its work, for its summary; keeps the workflow alive where that was asked for.
 * Never throws: what GitHub refuses is a warning.
 * @param trigger as in the database: `schedule 17 * * * *`
 * @param arrival what the database knew before this run
 */
export async function runWarnings(
  input: Pick<RunInput, 'silenceMinutes' | 'keepalive' | 'githubToken'>,
  trigger: string | null,
  arrival: Arrival | null,
  deps: RunWarningsDeps,
): Promise<string[]> {
  const warnings: string[] = [];
  if (arrival?.last_seen_at) {
    const seconds = (Date.parse(arrival.now) - Date.parse(arrival.last_seen_at)) / 1000;
    const silent = silence(seconds, input.silenceMinutes * 60);
    if (silent) warnings.push(`${silent} ${LATE_ADVICE}`);
  }
  const schedule = trigger?.startsWith('schedule ') ? trigger.slice('schedule '.length) : null;
  if (schedule !== null && arrival) {
    const gaps = gapsOf(schedule, arrival.ticks);
    if (gaps?.late) warnings.push(`${gapWords(schedule, gaps)} ${LATE_ADVICE}`);
  }
  const github = deps.github(input.githubToken);
  if (github) warnings.push(...(await gitHubWarnings(github, input.keepalive, deps)));
  return warnings;
}

async function gitHubWarnings(github: GitHub, keepalive: boolean, deps: RunWarningsDeps): Promise<string[]> {
  try {
    const { workflowFile } = github;
    if (keepalive && workflowFile !== null)
      return await keepAlive({ ...github, workflowFile }, await deps.workflowFiles(), deps.now());
    const near = switchOff(await github.about(), deps.now());
    return near ? [`${near} ${SWITCH_OFF_ADVICE}`] : [];
  } catch (error) {
    deps.warn(
      `${keepalive ? 'The workflow was not kept alive' : 'The 60 days of the workflow are not known'}: ${describeError(error)}`,
    );
    return [];
  }
}
