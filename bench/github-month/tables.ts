import { duration } from '../../src/text/format.ts';
import { REGIMES } from './deliveries.ts';
import type { Lateness } from './lateness.ts';
import { SCENARIOS } from './scenarios.ts';
import type { Simulation, Totals } from './simulate.ts';

/** The result of one simulation. */
export interface Result {
  readonly simulation: Simulation;
  readonly totals: Totals;
  readonly late: readonly Lateness[];
}

/** Dollars per minute. Source: https://docs.github.com/billing/reference/actions-runner-pricing */
const PRICES = { 'ubuntu-latest': 0.006, 'ubuntu-slim': 0.002 } as const;

const dollars = (minutes: number): string[] =>
  Object.values(PRICES).map((price) => `$${(minutes * price).toFixed(2)}`);

/** All figures: runs, money, and lateness by policy. Markdown. */
export function wholeTable(results: readonly Result[]): string {
  const head = [
    'schedule',
    'runs',
    'idle',
    'minutes billed',
    ...Object.keys(PRICES),
    'jobs',
    'ran',
    'skipped',
    'late: half within',
    '95 % within',
    'at most',
  ];
  const mixed = SCENARIOS.flatMap(
    (scenario) =>
      results.find(({ simulation }) => simulation.scenario === scenario && simulation.regime === 'mixed') ??
      [],
  );
  const rows = mixed.flatMap(({ simulation: { scenario }, totals, late }) =>
    late.map((one, index) => [
      ...(index === 0
        ? [
            scenario.name,
            ...[totals.runs, totals.idle, totals.minutes].map(String),
            ...dollars(totals.minutes),
          ]
        : Array.from({ length: 6 }, () => ' ')),
      one.name === 'added' ? 'at any moment' : `recurring, ${one.name}`,
      String(one.ran),
      String(one.skipped),
      ...[one.median, one.p95, one.worst].map(duration),
    ]),
  );
  return table(head, rows);
}

/**
 * One row for each schedule and regime alone: what it costs in 30 days, how late a job that was added at any moment
 * starts, and what `skip` left out. Markdown.
 */
export function regimeTable(results: readonly Result[]): string {
  const head = [
    'schedule',
    'ticks',
    'minutes in 30 days',
    'late: half within',
    '95 % within',
    'skip: left out',
  ];
  const rows = SCENARIOS.flatMap((scenario) => {
    const alone = REGIMES.flatMap(
      (regime) =>
        results.find(
          ({ simulation }) =>
            simulation.scenario === scenario && simulation.regime === regime && regime !== 'mixed',
        ) ?? [],
    );
    return alone.map(({ simulation, totals, late }, index) => {
      const named = (name: string) => late.find((one) => one.name === name);
      const [added, skip] = [named('added'), named('skip')];
      return [
        index === 0 ? scenario.name : ' ',
        simulation.regime,
        String(Math.round((totals.minutes / simulation.days) * 30)),
        ...[added?.median, added?.p95].map((seconds) => duration(seconds ?? 0)),
        `${skip?.skipped ?? 0} of ${(skip?.skipped ?? 0) + (skip?.ran ?? 0)}`,
      ];
    });
  });
  return table(head, rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
