/**
 * When GitHub delivers the ticks of a schedule, drawn from what people measured: a schedule of every 5 minutes came 2
 * to 4 times an hour (actions/runner#877), on other days every 1 to 3 hours (nodejs/build#4443), or every 3.5 to 4.6
 * hours (inkdrafts/notiongit-template#29); a daily one 35 to 216 minutes late (denolfe/hacker-news-highlights#13), or
 * 0.7 to 7.5 hours (spatiumddi#1040), or 10 to 12 hours, or never (open-multi-agent#557); and now and then twice, a
 * second apart (actions/runner#379).
 */
export type Random = () => number;

/** A seeded source of numbers from 0 to 1 (mulberry32), so that a month can be lived again. */
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
/** The weather holds for so long. */
const SPELL = 6 * HOUR;
const DOUBLED = 0.01;

type Weather = 'calm' | 'busy' | 'storm';

/** How GitHub does, for each six hours. */
export function weather(days: number, random: Random): Weather[] {
  return Array.from({ length: days * 4 }, () => {
    const drawn = random();
    return drawn < 0.55 ? 'calm' : drawn < 0.93 ? 'busy' : 'storm';
  });
}

const between = (random: Random, low: number, high: number): number => low + random() * (high - low);

/**
 * Milliseconds after the start at which runs are created, ascending.
 * @param every the schedule's interval in milliseconds
 */
export function deliveries(
  every: number,
  days: number,
  spells: readonly Weather[],
  random: Random,
): number[] {
  const end = days * 24 * HOUR;
  const at = (time: number): Weather => spells[Math.floor(time / SPELL)] ?? 'calm';
  const times: number[] = [];
  if (every < HOUR) {
    // Most ticks of a frequent schedule are dropped: what is known is how often one comes.
    for (let time = 0; ; ) {
      const gap = { calm: [15, 30], busy: [60, 180], storm: [210, 276] }[at(time)];
      time += between(random, gap[0] ?? 0, gap[1] ?? 0) * MINUTE;
      if (time >= end) break;
      times.push(time);
    }
  } else {
    for (let time = 17 * MINUTE; time < end; time += every) {
      const spell = at(time);
      if (spell === 'storm' && random() < 0.3) continue;
      const late = { calm: [3, 35], busy: [35, 216], storm: [216, 721] }[spell];
      times.push(time + between(random, late[0] ?? 0, late[1] ?? 0) * MINUTE);
    }
  }
  return times
    .flatMap((time) => (random() < DOUBLED ? [time, time + 1000] : [time]))
    .filter((time) => time < end)
    .sort((a, b) => a - b);
}
