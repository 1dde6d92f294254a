import type { ShowReply } from '../queue/replies.ts';

type Family = NonNullable<ShowReply['family']>;
type Relative = Family['parents'][number];

/** The jobs that a job depends on, and those that depend on it, as a tree of text with their states. */
export function familyLines(family: ShowReply['family']): string[] {
  if (!family) return [];
  return [
    ...branch('Depends on', family.parents, family.parent_count, {
      spawned: 'added this job',
      run: 'this job runs even if it fails',
      wait: 'this job waits if it fails',
    }),
    ...branch('Starts after it', family.children, family.child_count, {
      spawned: 'added by this job',
      run: 'runs even if this job fails',
      wait: 'waits if this job fails',
    }),
  ];
}

interface Words {
  readonly spawned: string;
  readonly run: string;
  readonly wait: string;
}

function branch(title: string, relatives: readonly Relative[], count: number, words: Words): string[] {
  if (count === 0) return [];
  const left = count - relatives.length;
  const lines = relatives.map(
    (one) => `${one.name ?? one.ref} (${one.job_id}): ${one.status ?? 'deleted'}${edgeWords(one, words)}`,
  );
  if (left > 0) lines.push(`${left} more`);
  return [
    `${title}: ${count === 1 ? '1 job' : `${count} jobs`}`,
    ...lines.map((line, index) => `${index === lines.length - 1 ? '└─' : '├─'} ${line}`),
  ];
}

function edgeWords({ on_failure: policy, spawned }: Relative, words: Words): string {
  if (spawned) return `; ${words.spawned}`;
  return policy === 'cancel' ? '' : `; ${words[policy]}`;
}
