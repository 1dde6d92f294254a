import { describe, expect, it } from 'vitest';
import { ALL_GUARDS, type Guards } from './queue-model.ts';
import { search } from './search.ts';
import { firstWorld } from './world.ts';

/** More faults make it longer: two take half a minute, three much memory. */
const FAULTS = Number(process.env.MODEL_FAULTS ?? 1);

describe('every order of claim, renew, finish and expire, replies lost or not', {
  timeout: 600_000,
}, () => {
  it.each([
    [2, 3, 1, FAULTS],
    [1, 3, 1, FAULTS + 1],
    [1, 2, 2, FAULTS + 1],
    [2, 2, 1, FAULTS],
  ])('keeps all rules: %i jobs, %i workers, %i retries, %i faults', (...sizes) => {
    const { wrong, worlds } = search(firstWorld(...sizes), ALL_GUARDS);
    expect(wrong).toBeNull();
    // A search that found next to nothing has proved nothing.
    expect(worlds).toBeGreaterThan(5_000);
  });
});

/** The faults that job queues have had, each by leaving out one guard: the search must find what it leads to. */
describe('without one guard the search finds the harm', () => {
  it.each<[keyof Guards, string]>([
    ['finishIsFenced', 'a zombie ended the attempt of another worker'],
    ['renewIsFenced', 'a zombie renewed the lock of another worker'],
    ['rescueChecksState', 'a success was undone'],
    ['rescueChecksExpiry', 'a lock was taken from a worker that had renewed it'],
    ['lossSpendsRetry', 'a job was tried more often than its retries allow'],
    ['claimRemembers', 'a live worker holds a lock that it does not know of'],
    ['finishRemembers', 'a worker was told that its success is not recorded, and it is'],
  ])('%s: %s', (guard, harm) => {
    const { wrong } = search(firstWorld(2, 2, 1, 2), { ...ALL_GUARDS, [guard]: false });
    expect(wrong?.what).toBe(harm);
    expect(wrong?.trace.length).toBeLessThan(20);
  });

  it('without any way on, a job that is stuck is found', () => {
    const world = firstWorld(1, 1, 1, 1);
    // No worker will ever look at it: its lock never expires, and no worker holds it.
    Object.assign(world.queue.jobs[0] ?? {}, { status: 'locked', holder: 99, lockUntil: 0 });
    world.queue.executions.set(99, { job: 0, worker: 7, request: 98, status: 'running', kind: null });
    expect(search(world, ALL_GUARDS).wrong?.what).toBe('a job can never be done with from here');
  });
});
