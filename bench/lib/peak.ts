import { readFileSync } from 'node:fs';

/**
 * The largest resident size of this process so far, in MiB. By proc(5), where there is one: the figure of getrusage
 * begins with the size of the process that forked this one.
 */
export function peakMb(): number {
  try {
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return Number(match?.[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
