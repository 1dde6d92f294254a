import { nearest } from '../text/nearest.ts';
import { apply } from './apply.ts';
import { cancel } from './cancel.ts';
import type { Command } from './command.ts';
import { create } from './create.ts';
import { deleteJobs } from './delete.ts';
import { disable } from './disable.ts';
import { doctor } from './doctor.ts';
import { enable } from './enable.ts';
import { limit } from './limit.ts';
import { list } from './list.ts';
import { logs } from './logs.ts';
import { metrics } from './metrics.ts';
import { pause } from './pause.ts';
import { plan } from './plan.ts';
import { queues } from './queues.ts';
import { resume } from './resume.ts';
import { retry } from './retry.ts';
import { run } from './run.ts';
import { show } from './show.ts';
import { approve, reject, signal } from './signal.ts';
import { stats } from './stats.ts';
import { update } from './update.ts';

/** The commands of the action and of the terminal, in the order of `--help`. */
export const COMMANDS: readonly Command[] = [
  run,
  plan,
  create,
  apply,
  list,
  show,
  logs,
  stats,
  update,
  cancel,
  retry,
  enable,
  disable,
  deleteJobs,
  signal,
  approve,
  reject,
  queues,
  pause,
  resume,
  limit,
  metrics,
  doctor,
];

export const commandOf = (name: string): Command | null =>
  COMMANDS.find((command) => command.name === name) ?? null;

/** Words that people use for a command that has another name here. */
const SYNONYMS: Readonly<Record<string, string>> = {
  add: 'create',
  new: 'create',
  insert: 'create',
  enqueue: 'create',
  start: 'run',
  work: 'run',
  execute: 'run',
  process: 'run',
  ls: 'list',
  jobs: 'list',
  get: 'show',
  describe: 'show',
  info: 'show',
  log: 'logs',
  output: 'logs',
  statistics: 'stats',
  status: 'stats',
  stop: 'cancel',
  abort: 'cancel',
  rerun: 'retry',
  requeue: 'retry',
  unpause: 'resume',
  throttle: 'limit',
  depth: 'queues',
  prometheus: 'metrics',
  send: 'signal',
  deny: 'reject',
  remove: 'delete',
  rm: 'delete',
  change: 'update',
  edit: 'update',
  set: 'update',
  scale: 'plan',
  matrix: 'plan',
  check: 'doctor',
  test: 'doctor',
};

/** The command that was probably meant by an unknown word, or null. */
export function nearestCommand(word: string): string | null {
  const lower = word.toLowerCase();
  const synonym = Object.hasOwn(SYNONYMS, lower) ? SYNONYMS[lower] : undefined;
  return (
    synonym ??
    nearest(
      lower,
      COMMANDS.map(({ name }) => name),
    )
  );
}
