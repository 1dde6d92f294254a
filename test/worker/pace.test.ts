import { describe, expect, it } from 'vitest';
import type { ClaimReply } from '../../src/queue/replies.ts';
import { Pace } from '../../src/worker/pace.ts';

const NOTHING = { running: 0, waiting: 0, asked: 0, ended: 0, oldestEnded: Number.POSITIVE_INFINITY };
const empty = (nextDue: number | null = null): ClaimReply => ({
  v: 1,
  schema: 12,
  now: '2026-01-01T00:00:00Z',
  jobs: [],
  more: false,
  expired: 0,
  set_aside: 0,
  behind: false,
  next_due_seconds: nextDue,
});

describe('the pace of a worker with many short jobs', () => {
  const paceAt = (roundTripMs: number, bytes = 0) => {
    const pace = new Pace(4, 0);
    for (let n = 0; n < 50; n += 1) pace.ended(0.1, bytes);
    pace.requested(roundTripMs + 400);
    pace.requested(roundTripMs);
    return pace;
  };

  it.each([
    [1, 2, 1_000],
    [30, 3, 834],
    [100, 6, 667],
    [3_000, 6, 667],
  ])('with a round trip of %i ms has %i requests of %i jobs under way', (roundTripMs, inFlight, jobs) => {
    const pace = paceAt(roundTripMs);
    expect([pace.inFlight, pace.wanted(NOTHING)]).toEqual([inFlight, jobs]);
    const held = 1_000 + 500 * inFlight;
    expect(pace.wanted({ ...NOTHING, waiting: held - 1_000, asked: 999 })).toBe(1);
    expect(pace.wanted({ ...NOTHING, waiting: held - 1_000, asked: 1_000 })).toBe(0);
  });

  it('carries few large jobs in a request, near and far', () => {
    expect(paceAt(1, 100_000).wanted(NOTHING)).toBe(5);
    expect(paceAt(100, 100_000).wanted(NOTHING)).toBe(4);
    expect(paceAt(100, 10_000_000).wanted(NOTHING)).toBe(1);
  });

  it('holds nothing ahead of long jobs, however far away', () => {
    const pace = new Pace(4, 0);
    pace.requested(100);
    pace.ended(60_000, 0);
    expect(pace.wanted({ ...NOTHING, running: 4 })).toBe(0);
  });
});

describe('the pace of a worker that stays', () => {
  it('asks an empty queue at most 240 times an hour in the long run', () => {
    const pace = new Pace(4, Number.POSITIVE_INFINITY, true);
    const asked: number[] = [];
    for (let now = 0; now < 7_200_000; ) {
      asked.push(now);
      pace.answered(empty(), 4, 0, now);
      now += pace.claimDelay(NOTHING, now);
    }
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBe(500);
    expect(asked.filter((at) => at >= 3_600_000).length).toBeLessThanOrEqual(240);
  });

  it('asks when the next job becomes due', () => {
    const pace = new Pace(4, Number.POSITIVE_INFINITY, true);
    for (let now = 0; now < 600_000; now += 15_000) pace.answered(empty(), 4, 0, now);
    pace.answered(empty(3.5), 4, 0, 600_000);
    expect(pace.claimDelay(NOTHING, 600_000)).toBe(3_600);
    pace.answered(empty(80_000), 4, 0, 603_600);
    expect(pace.claimDelay(NOTHING, 603_600)).toBe(15_000);
  });

  it('ends without watching when the queue is empty', () => {
    const pace = new Pace(4, 0);
    pace.answered(empty(3), 4, 0, 0);
    expect(pace.claimDelay(NOTHING, 0)).toBe(Number.POSITIVE_INFINITY);
  });
});
