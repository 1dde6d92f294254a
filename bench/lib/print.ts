import { type Goal, isMet, type Result } from './result.ts';
import { median } from './stats.ts';

/** A figure with three digits that matter. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** The middle of the rounds, and the lowest and the highest. */
export function spread(values: readonly number[]): string {
  const middle = figure(median(values));
  return values.length < 2
    ? middle
    : `${middle} (${figure(Math.min(...values))} to ${figure(Math.max(...values))})`;
}

export function goalLine(goal: Goal): string {
  const state = isMet(goal) ? 'met' : 'NOT MET';
  return `${goal.text}: ${figure(goal.value)}; goal ${goal.sense} ${figure(goal.limit)}: ${state}`;
}

export function printResult(result: Result, seconds: number, print: (text: string) => void): void {
  print(`${result.bench}: ${result.title} (${seconds.toFixed(0)} s)`);
  const width = Math.max(...result.rows.map(({ label }) => label.length));
  for (const row of result.rows) {
    print(
      `  ${row.label.padEnd(width)}  ${spread(row.values)} ${row.unit}${row.beside ? `  [${row.beside}]` : ''}`,
    );
  }
  for (const goal of result.goals) print(`  > ${goalLine(goal)}`);
  for (const note of result.notes ?? []) print(`  ${note}`);
  print('');
}
