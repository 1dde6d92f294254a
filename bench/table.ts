/**
 * Writes the tables of docs/performance.md from the figures of a run.
 *
 *   npm run bench -- --json FILE && node bench/table.ts FILE
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { goalLine, spread } from './lib/print.ts';
import type { Report } from './lib/result.ts';

const file = process.argv[2];
if (file === undefined) {
  console.error('Name the file that `npm run bench -- --json FILE` wrote.');
  process.exit(1);
}
const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
const { machine } = report;
const cell = (text: string): string => text.replaceAll('|', '\\|');
const text = [
  `Measured on ${report.date.slice(0, 10)} in one run of the ${report.size} form: ${machine.cores} x ${machine.cpu}, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node.slice(1)}, Postgres ${machine.postgres}. Medians; lowest and highest in brackets.`,
  ...report.results.flatMap((result) => [
    '',
    `### ${result.bench}: ${result.title}`,
    '',
    '| what | figure |',
    '| --- | --- |',
    ...result.rows.map(
      (row) =>
        `| ${cell(row.label)} | ${spread(row.values)} ${row.unit}${row.beside ? ` (${cell(row.beside)})` : ''} |`,
    ),
    '',
    ...result.goals.map((goal) => `- ${goalLine(goal)}`),
    ...(result.notes ?? []).map((note) => `- ${note}`),
  ]),
].join('\n');

const page = new URL('../docs/performance.md', import.meta.url);
const before = readFileSync(page, 'utf8');
const after = before.replace(
  /<!-- figures: [\s\S]*?<!-- end of figures -->/,
  () => `<!-- figures: node bench/table.ts -->\n${text}\n<!-- end of figures -->`,
);
if (after === before && !before.includes(text))
  throw new Error('docs/performance.md has no place for the figures.');
writeFileSync(page, after);
