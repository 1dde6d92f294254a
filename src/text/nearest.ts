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

/**
 * How many letters have to be put in, taken out, replaced or swapped with their neighbour to make `b` of `a`
 * (optimal string alignment: no letter is changed twice).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
