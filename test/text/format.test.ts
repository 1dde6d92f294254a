import { describe, expect, it } from 'vitest';
import { clockTime, duration, moment, plural } from '../../src/text/format.ts';

const NOW = new Date('2026-01-31T12:00:00Z');

describe('format', () => {
  it.each([
    [0.04, '0.0 s'],
    [1.25, '1.3 s'],
    [9.96, '10 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [3599.7, '1 h'],
    [7500, '2 h 5 min'],
    [7199.9, '2 h'],
    [200_000, '2 days'],
  ])('%d s is %s', (seconds, wanted) => expect(duration(seconds)).toBe(wanted));

  it('puts moments relative to now', () => {
    expect(moment('2026-01-31T12:04:00+00:00', NOW)).toBe('in 4 min (12:04 UTC)');
    expect(moment('2026-01-31T10:00:00+01:00', NOW)).toBe('3 h ago (09:00 UTC)');
    expect(moment('2026-02-01T12:00:00Z', NOW)).toBe('in 24 h (2026-02-01 12:00 UTC)');
    expect(moment(null, NOW)).toBe('');
    expect(moment('infinity', NOW)).toBe('infinity');
    expect(plural(1, 'job')).toBe('1 job');
  });

  it('shows the time in the zone of a schedule beside UTC', () => {
    expect(moment('2026-01-31T12:04:00Z', NOW, 'Europe/Berlin')).toBe(
      'in 4 min (13:04 Europe/Berlin, 12:04 UTC)',
    );
    expect(clockTime('2026-02-01T23:30:00Z', NOW, 'Europe/Berlin')).toBe(
      '2026-02-02 00:30 Europe/Berlin, 2026-02-01 23:30 UTC',
    );
    expect(clockTime('2026-01-31T12:04:00Z', NOW, 'UTC')).toBe('12:04 UTC');
    expect(clockTime('2026-01-31T12:04:00Z', NOW, 'No/Where')).toBe('12:04 UTC');
  });
});
