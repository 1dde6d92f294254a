import { editDistance } from './edit-distance.ts';

/**
 * The one of `words` that was probably meant: at most a third of its letters are inserted, deleted, replaced or
 * swapped. Case, `_` and `-` do not count. @returns null if none is that near
 */
export function nearest(word: string, words: readonly string[]): string | null {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_\s]/g, '');
  const wanted = plain(word).slice(0, 60);
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of words) {
    const target = plain(candidate);
    const gap = editDistance(wanted, target);
    if (gap < bestDistance && gap <= Math.max(1, Math.floor(target.length / 3))) {
      best = candidate;
      bestDistance = gap;
    }
  }
  return best;
}
