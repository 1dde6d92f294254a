import type { Mutation } from './mutation.ts';

/**
 * Whether the text that a mutation takes out stands in its file exactly once.
 * @param source the text of the file
 * @returns null, or what is wrong, with the place in the file that looks most like the one that is sought
 */
export function misplaced({ what, file, find }: Mutation, source: string): string | null {
  const lines = source.split('\n');
  const starts: number[] = [];
  for (let at = source.indexOf(find); at !== -1; at = source.indexOf(find, at + 1)) {
    starts.push(source.slice(0, at).split('\n').length);
  }
  if (starts.length === 1) return null;
  const head = `"${what}" finds its place in ${file} ${starts.length} times`;
  if (starts.length > 1) return `${head} (lines ${starts.join(', ')}). Take more of the text around it.`;
  const wanted = find.replace(/\n$/, '').split('\n');
  const at = nearest(wanted, lines);
  const there = lines.slice(at, at + wanted.length);
  return [
    `${head}. Look at line ${at + 1}. Sought (-) and there (+):`,
    ...wanted.filter((line) => line.trim() !== '').map((line) => `    - ${line}`),
    ...there.filter((line) => line.trim() !== '').map((line) => `    + ${line}`),
  ].join('\n');
}

/** The index of the line from which on most of the words are those of the text that is sought. */
function nearest(wanted: readonly string[], lines: readonly string[]): number {
  const sought = wanted.map(words);
  const there = lines.map(words);
  let best = 0;
  let bestScore = -1;
  for (let at = 0; at < there.length; at += 1) {
    let score = 0;
    for (const [offset, set] of sought.entries()) score += likeness(set, there[at + offset] ?? new Set());
    if (score > bestScore) [best, bestScore] = [at, score];
  }
  return best;
}

const words = (line: string): ReadonlySet<string> => new Set(line.match(/\w+|[^\w\s]+/g) ?? []);

/** Shared words, less those that only one of the two has. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const shared = [...a].filter((word) => b.has(word)).length;
  return shared - (a.size + b.size - 2 * shared) / 4;
}
