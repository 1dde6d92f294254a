import type { ExecutionReport, RunReport } from '../../worker/report.ts';
import { COLOUR, COUNTED, type Outcome } from './outcomes.ts';

/** Bars that a phone can show with their names. */
const BARS = 10;
const NAME = 24;

/** Colours of text and ground are left to the page, which is light or dark. */
const themed = (variables: object, config: object): string =>
  `%%{init: ${JSON.stringify({ themeVariables: variables, ...config })}}%%`;

const fenced = (lines: readonly string[]): string => `\`\`\`mermaid\n${lines.join('\n')}\n\`\`\``;

/** How the attempts of a run ended. Empty where all ended alike. */
export function outcomeChart({ executions, succeeded }: RunReport): string {
  const slices = new Map<Outcome, number>();
  for (const { outcome } of executions) slices.set(outcome, (slices.get(outcome) ?? 0) + 1);
  slices.set('success', succeeded);
  // The largest first, as Mermaid draws them, so that each gets the colour of its outcome.
  const drawn = [...slices].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
  if (drawn.length < 2) return '';
  const colours = Object.fromEntries(drawn.map(([name], index) => [`pie${index + 1}`, COLOUR[name]]));
  const look = {
    ...colours,
    pieOpacity: '1',
    pieStrokeColor: '#8b949e',
    pieOuterStrokeColor: '#8b949e',
    pieSectionTextColor: '#ffffff',
  };
  return fenced([
    themed(look, {}),
    'pie showData',
    ...drawn.map(([name, count]) => `  "${COUNTED[name]}" : ${count}`),
  ]);
}

/** Where the time of a run went: its slowest attempts, in seconds. Empty where none took a second. */
export function slowestChart(executions: readonly ExecutionReport[]): string {
  const slowest = [...executions].sort((a, b) => b.durationSeconds - a.durationSeconds).slice(0, BARS);
  const longest = slowest[0]?.durationSeconds ?? 0;
  if (longest < 1) return '';
  const look = { xyChart: { plotColorPalette: '#0969da', backgroundColor: 'transparent' } };
  const size = { xyChart: { width: 600, height: 80 + slowest.length * 32 } };
  return fenced([
    themed(look, size),
    'xychart-beta horizontal',
    '  title "The slowest, in seconds"',
    `  x-axis [${slowest.map(({ name, durationSeconds }, index) => `"${index + 1}. ${label(name)} (${durationSeconds.toFixed(1)} s)"`).join(', ')}]`,
    `  y-axis 0 --> ${Math.ceil(longest * 1.1)}`,
    `  bar [${slowest.map(({ durationSeconds }) => durationSeconds.toFixed(1)).join(', ')}]`,
  ]);
}

/** A name that means nothing to Mermaid: letters, figures, and what joins them. */
function label(name: string): string {
  const letters = Array.from(
    name
      .replace(/[^\p{L}\p{M}\p{N} .,_/-]+/gu, ' ')
      .replace(/\s+/g, ' ')
      .trim(),
  );
  return letters.length > NAME ? `${letters.slice(0, NAME).join('')}…` : letters.join('');
}
