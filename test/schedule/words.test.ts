import { describe, expect, it } from 'vitest';
import type { ExecutionRow, JobRow } from '../../src/queue/job.ts';
import { comingOccurrences, lateWords, thenWords } from '../../src/schedule/coming.ts';
import { scheduleInWords } from '../../src/schedule/in-words.ts';

const NOW = new Date('2026-05-13T12:00:00Z');
const job = (fields: Partial<JobRow>): JobRow =>
  ({
    status: 'waiting',
    schedule: '@daily',
    timezone: 'UTC',
    run_at: '2026-05-14T00:00:00Z',
    ...fields,
  }) as JobRow;

describe('a schedule in words', () => {
  it.each([
    ['@hourly', 'Every hour (UTC)'],
    ['@Daily', 'At 00:00 (UTC)'],
    ['@MIDNIGHT', 'At 00:00 (UTC)'],
    ['@weekly', 'At 00:00, only on Sunday (UTC)'],
    ['@annually', 'At 00:00, on day 1 of the month, only in January (UTC)'],
    ['30 6 * jan-mar MON-FRI', 'At 06:30, Monday through Friday, January through March (UTC)'],
    ['0 0 1,15 * 1', 'At 00:00, on day 1 and 15 of the month, or on Monday (UTC)'],
    ['0 0 1 jan 1-5', 'At 00:00, on day 1 of the month, or Monday through Friday, only in January (UTC)'],
    [
      '0 0 1 * 1-5/2',
      'At 00:00, on day 1 of the month, or every 2 days of the week, Monday through Friday (UTC)',
    ],
    ['0 0 */2 * 1', 'At 00:00, every 2 days in a month, only on Monday (UTC)'],
    ['0 0 15 * */3', 'At 00:00, on day 15 of the month, every 3 days of the week (UTC)'],
  ])('%s', (schedule, words) => {
    expect(scheduleInWords(schedule, null)).toBe(words);
  });
});

describe('the next three occurrences', () => {
  it('begin with the time that the job waits for', () => {
    expect(comingOccurrences(job({}), NOW)).toEqual([
      '2026-05-14T00:00:00Z',
      '2026-05-15T00:00:00.000Z',
      '2026-05-16T00:00:00.000Z',
    ]);
    // A list shows the first of them by itself.
    expect(thenWords(job({}), NOW)).toBe('then 2026-05-15 00:00, 2026-05-16 00:00 UTC');
  });

  it('begin after now if the job runs or is late', () => {
    const later = 'then 14:00, 15:00, 16:00 UTC';
    const hourly = { schedule: '0 14-16 * * *', run_at: '2026-05-13T11:00:00Z' };
    expect(thenWords(job(hourly), NOW)).toBe(later);
    expect(thenWords(job({ ...hourly, status: 'locked' }), NOW)).toBe(later);
    expect(thenWords(job({ ...hourly, status: 'disabled' }), NOW)).toBe('');
    expect(thenWords(job({ schedule: null }), NOW)).toBe('');
  });
});

it('how late an execution started > is shown for first attempts, from a minute on', () => {
  const execution = (fields: Partial<ExecutionRow>): ExecutionRow =>
    ({
      scheduled_for: '2026-05-13T10:00:00Z',
      started_at: '2026-05-13T11:30:00Z',
      attempt: 1,
      ...fields,
    }) as ExecutionRow;
  expect(lateWords(execution({}))).toBe(', 1 h 30 min late');
  expect(lateWords(execution({ started_at: '2026-05-13T10:00:59Z' }))).toBe('');
  expect(lateWords(execution({ attempt: 2 }))).toBe('');
  expect(lateWords(execution({ failure_kind: 'skipped' }))).toBe('');
});
