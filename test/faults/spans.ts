import type { Span } from './evidence.ts';

/** How long these spans cover of `within`, in milliseconds; where they overlap, once. */
export function overlap(spans: readonly Span[], within: Span): number {
  let covered = 0;
  let end = within.from;
  for (const { from, to } of [...spans].sort((a, b) => a.from - b.from)) {
    const start = Math.max(from, end);
    const stop = Math.min(to, within.to);
    if (stop > start) covered += stop - start;
    end = Math.max(end, stop);
  }
  return covered;
}

export const meet = (a: Span, b: Span): boolean => a.from <= b.to && b.from <= a.to;
