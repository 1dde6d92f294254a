import { describe, expect, it } from 'vitest';
import type { ClaimReply } from '../../src/queue/replies.ts';
import { Pace } from '../../src/worker/pace.ts';

const NOTHING = { running: 0, waiting: 0, asked: 0, ended: 0, oldestEnded: Number.POSITIVE_INFINITY };
/** A reply; `jobs` counts what it brings. */
const claim = ({
  jobs = 0,
  ...rest
}: Partial<Omit<ClaimReply, 'jobs'>> & { jobs?: number } = {}): ClaimReply => ({
  v: 1,
  schema: 12,
  now: '2026-01-01T00:00:00Z',
  jobs: Array.from({ length: jobs }, () => ({}) as ClaimReply['jobs'][number]),
  more: false,
  expired: 0,
  set_aside: 0,
  behind: false,
  next_due_seconds: null,
  ...rest,
});
const empty = (nextDue: number | null = null): ClaimReply => claim({ next_due_seconds: nextDue });

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

  it('asks for whole jobs, whatever their size and the distance', () => {
    for (const roundTripMs of [1, 30, 60, 100]) {
      for (let bytes = 0; bytes < 3_000; bytes += 17) {
        const pace = paceAt(roundTripMs, bytes);
        for (const waiting of [0, 1_000, 2_000]) {
          expect(pace.wanted({ ...NOTHING, waiting })).toSatisfy(Number.isInteger);
        }
      }
    }
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

describe('the pace of a worker that lingers', () => {
  it('asks in growing pauses, and ends when its time is over', () => {
    const pace = new Pace(4, 10_000);
    const asked: number[] = [];
    for (let now = 0; Number.isFinite(now); now += pace.claimDelay(NOTHING, now)) {
      asked.push(now);
      pace.answered(empty(), 4, 0, now);
    }
    // 2 s, 3 s, 4.5 s; the next would come after 10 s.
    expect(asked).toEqual([0, 2_000, 5_000, 9_500]);
  });

  it('starts anew after a job', () => {
    const pace = new Pace(4, 10_000);
    pace.answered(empty(), 4, 0, 0);
    pace.answered(claim({ jobs: 1 }), 4, 1, 9_000);
    pace.answered(empty(), 4, 0, 9_500);
    expect(pace.claimDelay(NOTHING, 9_500)).toBe(2_000);
  });
});

describe('the pace of claims', () => {
  const NEVER = Number.POSITIVE_INFINITY;

  it('begins at once', () => {
    expect(new Pace(4, 0).claimDelay(NOTHING, 0)).toBe(0);
    expect(new Pace(4, 0).mayBeLeft).toBe(false);
  });

  it('asks again in doubled pauses for 5 s if there may be more, then takes it for the end', () => {
    const pace = new Pace(4, 0);
    const asked: number[] = [];
    for (let now = 0; Number.isFinite(now); now += pace.claimDelay(NOTHING, now)) {
      asked.push(now);
      pace.answered(claim({ more: true }), 4, 0, now);
    }
    expect(asked).toEqual([0, 100, 300, 700, 1_500, 3_100, 6_300]);
    expect(pace.mayBeLeft).toBe(true);
  });

  it.each([
    ['ended locks of dead workers', { expired: 1 }],
    ['set jobs aside behind a key', { set_aside: 1 }],
  ])('asks at once after a claim that got nothing but %s', (_what, advanced) => {
    const pace = new Pace(4, 0);
    pace.answered(claim({ more: true, ...advanced }), 4, 0, 0);
    expect(pace.claimDelay(NOTHING, 0)).toBe(0);
  });

  it('asks every 15 s while jobs run and the queue is empty, and when a job becomes due', () => {
    const pace = new Pace(4, 0);
    const running = { ...NOTHING, running: 1 };
    pace.answered(claim({ jobs: 1 }), 4, 1, 0);
    expect(pace.claimDelay(running, 1_000)).toBe(14_000);
    expect(pace.claimDelay(running, 15_000)).toBe(0);
    pace.answered(empty(2), 4, 1, 15_000);
    expect(pace.claimDelay(running, 15_000)).toBe(2_100);
  });

  it('knows of jobs behind a concurrency key', () => {
    const pace = new Pace(4, 0);
    pace.answered(empty(), 4, 0, 0);
    expect(pace.mayBeLeft).toBe(false);
    pace.answered(claim({ behind: true }), 4, 0, 0);
    expect(pace.mayBeLeft).toBe(true);
    expect(pace.claimDelay(NOTHING, 0)).toBe(NEVER);
  });

  it('sends a second claim beside an unanswered one only where there is plenty', () => {
    const pace = new Pace(4, 0);
    pace.answered(claim({ jobs: 4, more: true }), 4, 4, 0);
    expect(pace.claimDelay({ ...NOTHING, asked: 4 }, 0)).toBe(0);
    pace.answered(claim({ jobs: 3, more: true }), 4, 3, 0);
    expect(pace.claimDelay({ ...NOTHING, asked: 4 }, 0)).toBe(NEVER);
    expect(pace.claimDelay({ ...NOTHING, running: 3 }, 0)).toBe(0);
    expect(pace.claimDelay({ ...NOTHING, running: 4 }, 0)).toBe(NEVER);
  });

  it('holds nothing ahead after a stall, until a job ends', () => {
    const pace = new Pace(4, 0);
    for (let n = 0; n < 50; n += 1) pace.ended(0.1, 0);
    pace.stall();
    expect(pace.wanted(NOTHING)).toBe(4);
    expect(pace.wanted({ ...NOTHING, running: 3, asked: 1 })).toBe(0);
    pace.ended(0.1, 0);
    expect(pace.wanted(NOTHING)).toBe(1_000);
  });
});

describe('the pace of recording', () => {
  const ended = { ...NOTHING, ended: 1, oldestEnded: 1_000 };

  it('waits up to 200 ms for more that ends', () => {
    const pace = new Pace(4, 0);
    expect(pace.recordDelay(NOTHING, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(pace.recordDelay({ ...ended, running: 1 }, 1_050)).toBe(150);
    expect(pace.recordDelay({ ...ended, waiting: 1 }, 1_200)).toBe(0);
  });

  it('does not wait if nothing else runs, or if half a request has come together', () => {
    const pace = new Pace(4, 0);
    expect(pace.recordDelay(ended, 1_000)).toBe(0);
    expect(pace.recordDelay({ ...ended, running: 4, ended: 2 }, 1_000)).toBe(200);
    expect(pace.recordDelay({ ...ended, running: 4, ended: 500 }, 1_000)).toBe(0);
  });
});
