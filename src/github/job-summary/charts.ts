/** Mermaid charts on the page of a run with many jobs. Colours of text and background are left to the page's theme. */
import { plural } from '../../text/format.ts';
import type { ExecutionReport } from '../../worker/report.ts';

/** Runs with fewer attempts get no histogram: the table shows every duration. */
const MANY = 30;
/** Bars that a phone can show with their names. */
const BARS = 10;
const NAME_LENGTH = 24;

/** Upper ends of the bars of the histogram, in seconds, about three times as long each. */
const STEPS: readonly (readonly [below: number, label: string])[] = [
  [0.1, 'under 0.1 s'],
  [0.3, '0.1 to 0.3 s'],
  [1, '0.3 to 1 s'],
  [3, '1 to 3 s'],
  [10, '3 to 10 s'],
  [30, '10 to 30 s'],
  [60, '30 to 60 s'],
  [180, '1 to 3 min'],
  [600, '3 to 10 min'],
  [1800, '10 to 30 min'],
  [3600, '30 to 60 min'],
  [10_800, '1 to 3 h'],
  [Number.POSITIVE_INFINITY, 'over 3 h'],
];

/** How long the attempts of a run took, as a histogram. Empty for few attempts, and if all took about as long. */
export function durationChart(executions: readonly ExecutionReport[]): string {
  if (executions.length <= MANY) return '';
  const counts = STEPS.map(() => 0);
  for (const { durationSeconds } of executions) {
    const step = STEPS.findIndex(([below]) => durationSeconds < below);
    counts[step] = (counts[step] ?? 0) + 1;
  }
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  if (first === last) return '';
  const bars = STEPS.slice(first, last + 1).map(([, label], index) => {
    const count = counts[first + index] ?? 0;
    return { label: `${label}: ${count}`, value: count };
  });
  return barChart(`How long ${plural(executions.length, 'attempt')} took`, bars);
}

/** The slowest attempts of a run, in seconds. Empty if none took a second. */
export function slowestChart(executions: readonly ExecutionReport[]): string {
  const slowest = [...executions].sort((a, b) => b.durationSeconds - a.durationSeconds).slice(0, BARS);
  if ((slowest[0]?.durationSeconds ?? 0) < 1) return '';
  const bars = slowest.map(({ name, durationSeconds }, index) => {
    const seconds = durationSeconds.toFixed(1);
    return { label: `${index + 1}. ${label(name)} (${seconds} s)`, value: Number(seconds) };
  });
  return barChart('The slowest, in seconds', bars);
}

function barChart(
  title: string,
  bars: readonly { readonly label: string; readonly value: number }[],
): string {
  const config = {
    themeVariables: { xyChart: { plotColorPalette: '#0969da', backgroundColor: 'transparent' } },
    xyChart: { width: 600, height: 80 + bars.length * 32 },
  };
  const longest = Math.max(...bars.map(({ value }) => value));
  return [
    '```mermaid',
    `%%{init: ${JSON.stringify(config)}}%%`,
    'xychart-beta horizontal',
    `  title "${title}"`,
    `  x-axis [${bars.map((bar) => `"${bar.label}"`).join(', ')}]`,
    `  y-axis 0 --> ${Math.ceil((longest * 11) / 10)}`,
    `  bar [${bars.map(({ value }) => value).join(', ')}]`,
    '```',
  ].join('\n');
}

/** A name without anything that Mermaid understands: letters, digits, and what joins them. */
function label(name: string): string {
  const letters = Array.from(
    name
      .replace(/[^\p{L}\p{M}\p{N} .,_/-]+/gu, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  );
  return letters.length > NAME_LENGTH ? `${letters.slice(0, NAME_LENGTH).join('')}…` : letters.join('');
}
