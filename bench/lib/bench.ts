import type { BenchStack } from './stack.ts';
import { median } from './stats.ts';

/** One measured thing, with a value for each round. */
export interface Row {
  readonly label: string;
  readonly unit: string;
  readonly values: readonly number[];
  /** Shown in brackets behind the figure, such as the CPU time by process. */
  readonly beside?: string;
}

export interface Context {
  readonly stack: BenchStack;
  /** Asks for a smaller form, to compare two commits by. */
  readonly short: boolean;
  log(text: string): void;
}

export interface Bench {
  readonly title: string;
  measure(context: Context): Promise<{ readonly rows: readonly Row[]; readonly note?: string }>;
}

/** A figure with three significant digits. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** The median of the rounds, with the lowest and the highest, as a row of a Markdown table. */
export function tableRow({ label, unit, values, beside }: Row): string {
  const [low, high] = [figure(Math.min(...values)), figure(Math.max(...values))];
  const range = values.length > 1 ? ` (${low} to ${high})` : '';
  return `| ${label} | ${figure(median(values))}${range} ${unit}${beside ? `; ${beside}` : ''} |`;
}
