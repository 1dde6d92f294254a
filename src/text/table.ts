import Table from 'cli-table3';

/** A longer line would stretch the table beyond all screens, and drawing one of megabytes takes seconds. */
const LONGEST_LINE = 200;
/** A column that is made narrower keeps at least this many characters. */
const NARROWEST = 8;
const GAP = '  ';
const NO_BORDERS = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ].map((name) => [name, '']),
);

/**
 * A table for a terminal and for a log. Numbers are aligned to the right. Columns whose cells are too long for the
 * width are wrapped, the longest first; ids are never wrapped, because people copy them.
 * @param width columns of the terminal; Infinity for a log and a pipe
 */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string {
  const cells = rows.map((row) => row.map(shorten));
  const natural = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => longest(row[column] ?? ''))),
  );
  const widths = narrowed(
    natural,
    head.map((_, column) => Math.max(NARROWEST, ...cells.map((row) => idLength(row[column] ?? '')))),
    width,
  );
  const grid = new Table({
    head: [...head],
    chars: { ...NO_BORDERS, middle: GAP },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, column) => (isNumeric(cells, column) ? 'right' : 'left')),
    ...(widths !== natural && { colWidths: widths, wordWrap: true, wrapOnWordBoundary: true }),
  });
  grid.push(...cells);
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const shorten = (cell: string): string =>
  cell
    .split('\n')
    .map((line) => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE).toWellFormed()}…` : line))
    .join('\n');

const longest = (cell: string): number => Math.max(...cell.split('\n').map((line) => line.length));

/** The length of the longest line that is one word, such as an id. */
const idLength = (cell: string): number =>
  Math.max(0, ...cell.split('\n').map((line) => (/^[\w:.-]{20,60}$/.test(line) ? line.length : 0)));

const isNumeric = (rows: readonly (readonly string[])[], column: number): boolean =>
  rows.length > 0 && rows.every((row) => /^[\d.,/ ]*$/.test(row[column] ?? ''));

/** Makes the widest columns narrower until all fit. @returns `natural` itself if they do */
function narrowed(natural: number[], least: readonly number[], width: number): number[] {
  const room = width - GAP.length * (natural.length - 1);
  const widths = [...natural];
  let total = widths.reduce((sum, one) => sum + one, 0);
  if (total <= room) return natural;
  while (total > room) {
    const widest = widths.reduce(
      (best, one, column) => (one > (least[column] ?? 0) && one > (widths[best] ?? 0) ? column : best),
      widths.findIndex((one, column) => one > (least[column] ?? 0)),
    );
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    total--;
  }
  return widths;
}
