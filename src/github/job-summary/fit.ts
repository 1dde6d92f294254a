import { details, table } from './markdown.ts';

/** A table that loses rows at its end when the page is full. Cells must be safe already. */
export interface Rows {
  /** If given, the table opens on a click on this safe text. */
  readonly fold?: string;
  /** Safe text below the table. */
  readonly note?: string;
  readonly head: readonly string[];
  /** Columns of numbers, aligned to the right. */
  readonly numeric?: readonly number[];
  readonly rows: readonly (readonly string[])[];
}

/** A part of a page: safe text, or a table. */
export type Section = string | Rows;

/**
 * GitHub shows no summary of a step beyond 1 MiB of UTF-8. The margin is for other pages of the same step and for
 * masks, which may be longer than what they hide.
 * Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
 */
export const PAGE_BYTES = 1_000_000;

/** Bytes reserved for notes on what was left out. */
const NOTES = 1000;

/**
 * Joins sections in their order until the page is full, and says what did not fit.
 * @param limit bytes of UTF-8, at least some thousands
 */
export function fitPage(sections: readonly Section[], limit = PAGE_BYTES): string {
  const kept: string[] = [];
  let left = limit - NOTES;
  let leftOut = 0;
  for (const section of sections) {
    if (section === '') continue;
    const text = typeof section === 'string' ? section : fitRows(section, left);
    const size = bytesOf(text) + 2;
    if (size <= left) {
      kept.push(text);
      left -= size;
    } else {
      leftOut++;
    }
  }
  if (leftOut > 0) {
    const parts = leftOut === 1 ? '1 part' : `${leftOut} parts`;
    kept.push(
      `**${parts} of this page did not fit on it.** See the log, and the table \`cloud_job_executions\`.`,
    );
  }
  return `${kept.join('\n\n')}\n`;
}

function fitRows({ fold, head, numeric, rows, note = '' }: Rows, limit: number): string {
  let bytes = bytesOf(table(head, [])) + bytesOf(`${fold ?? ''}${note}`) + 300;
  let count = 0;
  for (const row of rows) {
    bytes += bytesOf(table(row, []).split('\n', 1)[0] ?? '') + 1;
    if (bytes > limit) break;
    count++;
  }
  const cut =
    count < rows.length ? `… and ${rows.length - count} more, for which there is no room here.` : '';
  const text = [table(head, rows.slice(0, count), numeric), cut, note]
    .filter((part) => part !== '')
    .join('\n\n');
  return fold === undefined ? text : details(fold, text);
}

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');
