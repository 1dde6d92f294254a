/** The median; NaN of no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** Ratios of values of the same round, since a machine drifts less within a round than over a run. */
export function ratios(over: readonly number[], under: readonly number[]): number[] {
  return over.slice(0, under.length).map((value, round) => value / (under[round] ?? Number.NaN));
}

/**
 * Measures contenders in turn, round by round, so that a drift of the machine affects all of them; every other round
 * goes backwards. Returns the samples of each contender in the order of the rounds.
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
