import { type TickGaps, tickGaps } from './liveness.ts';

const CHUNK = 200;
const MOST_CHUNKS = 100;

/**
 * The gaps between the ticks of a schedule as GitHub runs it, in UTC. Null where there are too few, or where the
 * expression is none. croner is loaded only here: most runs do not need it.
 */
export async function gapsOf(schedule: string, ticks: readonly string[]): Promise<TickGaps | null> {
  if (ticks.length < 2) return null;
  const { nextOccurrences } = await import('../schedule/next-occurrence.ts');
  const count = (after: Date, until: Date): number => {
    let from = after;
    for (let chunk = 0; chunk < MOST_CHUNKS; chunk++) {
      const next = nextOccurrences(schedule, 'UTC', from, CHUNK);
      const within = next.findIndex((at) => at > until);
      if (within !== -1 || next.length < CHUNK) return chunk * CHUNK + (within === -1 ? next.length : within);
      from = next.at(-1) ?? until;
    }
    return MOST_CHUNKS * CHUNK;
  };
  try {
    return tickGaps(ticks, count);
  } catch {
    // What GitHub accepts and croner does not is not worth a failed run.
    return null;
  }
}
