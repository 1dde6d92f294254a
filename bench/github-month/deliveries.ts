/**
 * Draws when GitHub starts the runs of a schedule ("ticks"). The delays are those that people measured:
 *
 * - calm: a schedule of every 5 minutes came 2 to 4 times an hour (actions/runner#877), every 20 minutes
 *   (nodejs/build#4443).
 * - busy: the same every 1 to 3 hours on other days (nodejs/build#4443); a daily one 35 to 216 minutes late
 *   (denolfe/hacker-news-highlights#13).
 * - storm: one of every 10 minutes each 3.5 to 4.6 hours (inkdrafts/notiongit-template#29); daily ones up to 7.5 hours
 *   late (spatiumddi/spatiumddi#1040), 10 to 12 hours, or never (open-multi-agent#557).
 * - in each: now and then twice, a second apart (actions/runner#379).
 *
 * Nobody has measured how often each of these occurs, how long it lasts, which part of a storm is dropped, how many ticks
 * come twice, and how an hourly schedule behaves. Those figures are estimates and are marked as such. The simulation
 * therefore also runs each of them alone.
 */
export type Random = () => number;

/** A seeded source of numbers from 0 to 1 (mulberry32), so that a month can be repeated. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export type Conditions = 'calm' | 'busy' | 'storm';
export type Regime = 'mixed' | Conditions;
export const REGIMES: readonly Regime[] = ['mixed', 'calm', 'busy', 'storm'];

/** Estimate: which part of a mixed month each takes. */
export const SHARES: Readonly<Record<Conditions, number>> = { calm: 0.55, busy: 0.38, storm: 0.07 };
/** Estimate: how long one lasts. */
const SPELL = 6 * HOUR;
/** Estimate: which part of the ticks comes twice. */
const DOUBLED = 0.01;
/** Estimate: which part of the ticks of a storm never comes. */
const DROPPED_IN_STORM = 0.3;
/** From one tick to the next, in minutes, of a schedule that asks for more than one an hour. Measured. */
const GAPS: Readonly<Record<Conditions, Range>> = { calm: [15, 30], busy: [60, 180], storm: [210, 276] };
/** How late a tick of a less frequent schedule comes, in minutes. Measured, except calm, which is an estimate. */
const LATE: Readonly<Record<Conditions, Range>> = { calm: [3, 35], busy: [35, 216], storm: [216, 721] };

type Range = readonly [number, number];

/** The conditions on GitHub, one spell after another. */
export function drawConditions(regime: Regime, days: number, random: Random): Conditions[] {
  return Array.from({ length: (days * 24 * HOUR) / SPELL }, () => {
    // Always drawn, so that later draws are the same in every regime.
    const drawn = random();
    if (regime !== 'mixed') return regime;
    return drawn < SHARES.calm ? 'calm' : drawn < SHARES.calm + SHARES.busy ? 'busy' : 'storm';
  });
}

/** A random number in the range. */
export const between = (random: Random, [low, high]: Range): number => low + random() * (high - low);

/**
 * Milliseconds after the start at which runs are created, ascending.
 * @param every the schedule's interval in milliseconds
 */
export function deliveries(
  every: number,
  days: number,
  spells: readonly Conditions[],
  random: Random,
): number[] {
  const end = days * 24 * HOUR;
  const at = (time: number): Conditions => spells[Math.floor(time / SPELL)] ?? 'calm';
  const gap = (time: number): number => between(random, GAPS[at(time)]) * MINUTE;
  const times: number[] = [];
  if (every < HOUR) {
    // Most ticks of a frequent schedule are dropped. What was measured is how often one comes.
    for (let time = gap(0); time < end; time += gap(time)) times.push(time);
  } else {
    const late: number[] = [];
    for (let time = 17 * MINUTE; time < end; time += every) {
      const spell = at(time);
      if (spell === 'storm' && random() < DROPPED_IN_STORM) continue;
      late.push(time + between(random, LATE[spell]) * MINUTE);
    }
    // No schedule has ticks more often than a frequent one. Estimate.
    let next = 0;
    for (const time of late.sort((a, b) => a - b)) {
      if (time < next) continue;
      times.push(time);
      next = time + gap(time);
    }
  }
  return times
    .flatMap((time) => (random() < DOUBLED ? [time, time + 1000] : [time]))
    .filter((time) => time < end)
    .map(Math.floor)
    .sort((a, b) => a - b);
}
