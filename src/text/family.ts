import type { ShowReply } from '../queue/replies.ts';

type Family = NonNullable<ShowReply['family']>;
type Relative = Family['parents'][number];

/** The jobs that a job depends on, and those that depend on it, as a tree of text with their states. */
export function familyLines(family: ShowReply['family']): string[] {
  if (!family) return [];
  return [
    ...branch('Depends on', family.parents, family.parent_count),
    ...branch('Starts after it', family.children, family.child_count),
  ];
}

function branch(title: string, relatives: readonly Relative[], count: number): string[] {
  if (count === 0) return [];
  const left = count - relatives.length;
  const lines = relatives.map(
    (one) => `${one.name ?? one.ref} (${one.job_id}): ${one.status ?? 'deleted'}${policyWords(one)}`,
  );
  if (left > 0) lines.push(`${left} more`);
  return [
    `${title}: ${count === 1 ? '1 job' : `${count} jobs`}`,
    ...lines.map((line, index) => `${index === lines.length - 1 ? '└─' : '├─'} ${line}`),
  ];
}

const policyWords = ({ on_failure: policy, spawned }: Relative): string =>
  spawned
    ? '; the first added the second'
    : policy === 'cancel'
      ? ''
      : `; if the first fails, the second ${policy === 'run' ? 'runs' : 'waits'}`;
