import { TICK_MS } from './check-locks.ts';
import type { FaultRunReport } from './fault-run.ts';

/** The figures of a run as Markdown tables. */
export function figures(report: FaultRunReport): string {
  const table = (head: readonly [string, string], rows: readonly (readonly [string, number])[]): string =>
    [
      `| ${head[0]} | ${head[1]} |`,
      '| --- | ---: |',
      ...rows.map(([name, count]) => `| ${name} | ${count.toLocaleString('en')} |`),
    ].join('\n');
  const sorted = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const { count, median, most } = report.recoverSeconds;
  return [
    `Seed ${report.seed}: ${Math.round(report.seconds)} s of faults, dry ${Math.round(report.drainSeconds)} s after the last.`,
    '',
    table(
      ['what', 'count'],
      [
        ['jobs', report.jobs],
        ['executions', report.executions],
        ['workers started', report.workers],
        ['faults', report.faults],
        ['violations', report.violations.length],
      ],
    ),
    '',
    table(['fault', 'times'], sorted(report.faultsByKind)),
    '',
    table(['reply lost of', 'times'], sorted(report.lostReplies)),
    '',
    table(['execution ended', 'times'], sorted(report.executionsByEnding)),
    '',
    ...(report.realDisk
      ? []
      : [
          'The full disk was a stand-in (a folder in which no file can be made): this user may not mount one.',
          '',
        ]),
    ...(report.notMade.length === 0 ? [] : [`Not made in this time: ${report.notMade.join('; ')}.`, '']),
    `${count.toLocaleString('en')} attempts died with a killed worker. From its death to the attempt's end in the database: median ${median.toFixed(1)} s, most ${most.toFixed(1)} s (locks of 30 s). Of all locks that ran out, the one that was left longest while the database could be reached was ended ${report.longestLeftSeconds.toFixed(1)} s later; more than ${TICK_MS / 1000} s would be a violation.`,
  ].join('\n');
}
