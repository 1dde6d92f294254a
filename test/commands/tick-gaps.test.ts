import { describe, expect, it } from 'vitest';
import { gapsOf } from '../../src/commands/tick-gaps.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const ticksAt = (times: readonly number[]): string[] => times.map((at) => new Date(at).toISOString());

/** The ticks of `30,0 9-17 * * *` in a zone so many hours ahead of UTC, over three days. */
const officeHours = (ahead: number): string[] => {
  const midnight = Date.parse('2026-05-12T00:00Z') - ahead * HOUR;
  const days = [0, 1, 2].flatMap((day) =>
    Array.from({ length: 18 }, (_, n) => midnight + day * 24 * HOUR + 9 * HOUR + n * 30 * MINUTE),
  );
  return ticksAt(days.slice(-13 - 12, -12));
};

describe('ticks of a schedule', () => {
  it.each([
    ['Auckland', 12],
    ['Los Angeles', -7],
    ['Berlin', 2],
    ['Kathmandu', 5.75],
    ['UTC', 0],
  ])('are not late if they come in time in %s', (_, ahead) => {
    expect(gapsOf('*/30 9-17 * * *', officeHours(ahead))).toMatchObject({ late: false });
  });

  it('are late if they would be in every time zone', () => {
    // Four ticks in four days, of a schedule that is due 18 times a day.
    const sparse = ticksAt([0, 1, 2, 3].map((day) => Date.parse('2026-05-12T03:00Z') + day * 24 * HOUR));
    expect(gapsOf('*/30 9-17 * * *', sparse)).toMatchObject({ ticks: 4, late: true });
    const hourly = ticksAt([0, 10, 11, 12].map((hour) => Date.parse('2026-05-12T03:00Z') + hour * HOUR));
    expect(gapsOf('17 * * * *', hourly)).toMatchObject({ late: true, longest: 36_000 });
  });

  it('say nothing if there are too few, or if the schedule cannot be read', () => {
    expect(gapsOf('*/30 9-17 * * *', officeHours(0).slice(0, 3))).toBeNull();
    expect(gapsOf('every day', officeHours(0))).toBeNull();
  });
});
