import { readdirSync, readFileSync } from 'node:fs';

/** How the runner finds what a step left behind: everything that a step starts inherits this variable. */
export const TRACKING_NAME = 'RUNNER_TRACKING_ID';

/**
 * The living processes of a step: those that carry its tracking id. Only Linux shows the environment of a process by
 * file; elsewhere none is found.
 */
export function trackedProcesses(trackingId: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && isTracked(pid, trackingId));
}

function isTracked(pid: number, trackingId: string): boolean {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    if (!variables.includes(`${TRACKING_NAME}=${trackingId}`)) return false;
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !['Z', 'X'].includes(stat.charAt(stat.lastIndexOf(')') + 2));
  } catch {
    // Of another user, or gone.
    return false;
  }
}

/** Ends each of them at once, as the runner does at the end of its patience. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Already gone, which is what was wanted.
    }
  }
}
