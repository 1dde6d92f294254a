import type { BacklogReply } from '../../queue/replies.ts';
import { plural } from '../../text/format.ts';
import { words } from './escape.ts';
import type { Section } from './fit.ts';
import { warningLines } from './warnings.ts';

/** The page of a plan: what is due, and how many workers that is worth. */
export function planPage(backlog: BacklogReply, workers: number, warnings: readonly string[]): Section[] {
  return [
    `### ${workers === 0 ? 'Nothing is due' : `${plural(workers, 'worker')} to start`}`,
    ...warningLines(warnings),
    {
      head: ['Queue', 'Due', 'Side by side'],
      rows: backlog.queues.map(({ queue, due, side_by_side: n }) => [words(queue), String(due), String(n)]),
    },
  ];
}
