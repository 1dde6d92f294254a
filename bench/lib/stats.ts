/** The middle value; of an even number, the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** The value below which `share` (0 to 1) of the values are. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Ratios of what was measured in the same round: the machine drifts, but less within a round. */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.slice(0, under.length).map((value, round) => value / (under[round] ?? Number.NaN));
}

/**
 * Measures contenders in turn, round by round, so that what the machine does meanwhile hits all alike. Every other
 * round goes backwards.
 * @returns the samples of each contender, in the order of the rounds
 */
export async function interleave<Sample>(
  rounds: number,
  contenders: Readonly<Record<string, (round: number) => Promise<Sample>>>,
): Promise<Record<string, Sample[]>> {
  const samples: Record<string, Sample[]> = Object.fromEntries(
    Object.keys(contenders).map((name) => [name, []]),
  );
  for (let round = 0; round < rounds; round++) {
    const order = Object.entries(contenders);
    for (const [name, measure] of round % 2 === 0 ? order : order.reverse()) {
      samples[name]?.push(await measure(round));
    }
  }
  return samples;
}
