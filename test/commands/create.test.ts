import { describe, expect, it } from 'vitest';
import { createdWords, createInput, newJob } from '../../src/commands/create.ts';
import { jobTable } from '../../src/commands/job-table.ts';
import { jobRow } from '../github/reports.ts';

const read = (given: Record<string, string>) =>
  createInput.safeParse({
    name: 'a',
    jobType: 'custom',
    config: '{"handler": "h", "customer": {"id": 42}, "plan": "x"}',
    ...given,
  });
const job = (given: Record<string, string>) => {
  const input = read(given);
  if (!input.success) throw new Error(input.error.issues.map(({ message }) => message).join('\n'));
  return newJob(input.data);
};

describe('a key made from the config', () => {
  it('has the values in it', () => {
    expect(
      job({
        concurrencyKey: 'customer:{config.customer.id}',
        concurrencyLimit: '3',
        uniqueKey: '{config.plan}-{config.customer.id} {x}',
      }),
    ).toMatchObject({ concurrency_key: 'customer:42', concurrency_limit: 3, unique_key: 'x-42 {x}' });
  });

  it.each([
    ['{config.custommer}', '{config.custommer} is not in the config'],
    ['{config.customer}', '{config.customer} is not a text, a number or true or false'],
    ['{config.plan.length}', '{config.plan.length} is not in the config'],
    ['{config.toString}', '{config.toString} is not in the config'],
    ['{config.}', '{config.} is not in the config'],
  ])('is refused if the config does not fill it: %s', (key, reason) => {
    expect(() => job({ concurrencyKey: key })).toThrow(
      `The key ${JSON.stringify(key)} cannot be made: ${reason}.`,
    );
  });
});

describe('the delay of retries', () => {
  it.each([
    [{ retryDelay: '30s' }, { retry_delay_seconds: 30 }],
    [
      { retryDelay: '5m', retryFactor: '1.5' },
      { retry_delay_seconds: 300, retry_factor: 1.5 },
    ],
    [
      { retryDelay: 'now', retryFactor: '10' },
      { retry_delay_seconds: 0, retry_factor: 10 },
    ],
    [{ retryDelay: '365d' }, { retry_delay_seconds: 31_536_000 }],
  ])('is read: %j', (given, expected) => {
    expect(job(given)).toMatchObject(expected);
  });

  it.each([
    [{ retryDelay: '366d' }, 'must be a time span of at most a year'],
    [{ retryDelay: '2099-01-01T00:00:00Z' }, 'must be a time span of at most a year'],
    [{ retryDelay: '5m', retryFactor: '0.5' }, 'must be a number from 1 to 10'],
    [{ retryDelay: '5m', retryFactor: '11' }, 'must be a number from 1 to 10'],
    [{ retryFactor: '2' }, '`retry-factor` goes with `retry-delay`'],
  ])('is refused: %j', (given, reason) => {
    expect(() => job(given)).toThrow(reason);
  });
});

describe('inputs of create that go together', () => {
  it.each([
    [{ concurrencyLimit: '2' }, '`concurrency-limit` is for jobs with a `concurrency-key`'],
    [{ onConflict: 'next' }, '`on-conflict` is about the `unique-key`'],
    [{ uniqueKey: 'u', onConflict: 'next', schedule: '@daily' }, 'goes only with `on-conflict` keep'],
    [{ expiresAt: '2099-01-01T00:00:00Z', expiresIn: '1h' }, 'takes `expires-at` or `expires-in`, not both'],
    [{ expiresAt: '2099-01-01T00:00:00Z', schedule: '@daily' }, 'takes `expires-in`, which counts'],
    [{ expiresAt: '90m' }, 'must be a time with its zone'],
    [{ expiresIn: 'now' }, 'must be a time span'],
    [{ expiresIn: '2099-01-01T00:00:00Z' }, 'must be a time span'],
  ])('are refused otherwise: %j', (given, message) => {
    expect(() => job(given as Record<string, string>)).toThrow(message);
  });

  it('say when a job expires', () => {
    expect(job({ expiresIn: '1h 30m' })).toMatchObject({ expires_in_seconds: 5400 });
    expect(job({ expiresAt: '2099-01-01T00:00:00Z' })).toMatchObject({
      expires_at: '2099-01-01T00:00:00.000Z',
    });
  });
});

describe('a name with line breaks', () => {
  it('stays in one line of what create and list print', () => {
    const name = 'a\n\n01a2-fake  success';
    const created = { created: true, replaced: false, name, jobId: '1' };
    expect(createdWords(created)).toBe('Created a 01a2-fake success: 1');
    const table = jobTable([jobRow({ name, job_id: '1' })], new Date('2026-11-24T12:00:00Z'), 120);
    expect(table).toMatch(/^a 01a2-fake success /m);
  });
});
