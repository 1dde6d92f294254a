import type { z } from 'zod';
import type { Paper } from './paper.ts';
import type { OddRecord } from './source.ts';

/**
 * Reads the records of a JSON page one by one, so that an odd one takes no other with it.
 * @param toPaper makes a paper, or says what the record lacks
 */
export function readRecords<T>(
  records: readonly unknown[],
  schema: z.ZodType<T>,
  toPaper: (record: T) => Paper | string,
): { papers: Paper[]; odd: OddRecord[] } {
  const papers: Paper[] = [];
  const odd: OddRecord[] = [];
  for (const [index, record] of records.entries()) {
    const parsed = schema.safeParse(record);
    const paper = parsed.success ? toPaper(parsed.data) : problemOf(parsed.error);
    if (typeof paper === 'string') odd.push({ name: nameOf(record, index), problem: paper });
    else papers.push(paper);
  }
  return { papers, odd };
}

function problemOf(error: z.ZodError): string {
  const [issue] = error.issues;
  const path = issue?.path.join('.') ?? '';
  return `${path === '' ? '' : `${path}: `}${issue?.message ?? 'another shape'}`;
}

/** What identifies a record for a person: its id, else its title, else its place on the page. */
function nameOf(record: unknown, index: number): string {
  const fields: object = typeof record === 'object' && record !== null ? record : {};
  for (const key of ['id', 'title']) {
    const value: unknown = Reflect.get(fields, key);
    if ((typeof value === 'string' && value.trim() !== '') || typeof value === 'number') return String(value);
  }
  return `record ${index + 1} of the page`;
}
