import Table from 'cli-table3';

/** A longer line would stretch the table beyond all screens, and drawing one of megabytes takes seconds. */
const LONGEST_LINE = 200;
const shorten = (cell: string): string =>
  cell
    .split('\n')
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE).toWellFormed()}…` : line))
    .join('\n');

/** A table for a terminal and for a log. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const grid = new Table({ head: [...head], style: { head: [], border: [] } });
  grid.push(...rows.map((row) => row.map(shorten)));
  return grid.toString();
}
