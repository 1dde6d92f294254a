import { describe, expect, it } from 'vitest';
import {
  ALL_FLOW_GUARDS,
  type Flow,
  type FlowGuards,
  firstFlow,
  flowSteps,
  isSettled,
} from './flow-model.ts';
import { explore } from './search.ts';

const search = (guards: FlowGuards, faults: number) =>
  explore<Flow>(firstFlow(faults), {
    nameOf: (flow) => JSON.stringify(flow),
    isSettled,
    steps: (flow) => flowSteps(flow, guards).map(({ what, flow: world, wrong }) => ({ what, world, wrong })),
  });

describe('every order of steps, events, ends and deaths', { timeout: 600_000 }, () => {
  it.each([1, 2])('keeps all rules with %i faults', (faults) => {
    const { wrong, worlds } = search(ALL_FLOW_GUARDS, faults);
    expect(wrong).toBeNull();
    expect(worlds).toBeGreaterThan(500);
  });
});

describe('without one guard the search finds the harm', () => {
  it.each<[keyof FlowGuards, string]>([
    ['childWaits', 'a child started before its parents had ended'],
    ['stepIsFenced', 'a zombie stored a step'],
    ['stepsAreRecalled', 'a step ran again after its result was stored'],
    ['eventIsKept', 'a job can never be done with from here'],
    ['eventCountsOnce', 'an event counted twice'],
    ['endReleases', 'a job can never be done with from here'],
    ['spawnIsFenced', 'jobs were added twice'],
  ])('%s: %s', (guard, harm) => {
    expect(search({ ...ALL_FLOW_GUARDS, [guard]: false }, 2).wrong?.what).toBe(harm);
  });
});
