import { nameOf } from './name-of.ts';
import type { Guards } from './queue-model.ts';
import { settled } from './rules.ts';
import { steps } from './steps.ts';
import type { World } from './world.ts';

export interface Found {
  readonly worlds: number;
  readonly steps: number;
  /** What went wrong first, by the shortest way there; null where nothing does. */
  readonly wrong: { readonly what: string; readonly trace: readonly string[] } | null;
}

/** What a search needs to know of the worlds that it goes through. */
export interface Searched<Of> {
  /** The same for worlds that are alike. */
  nameOf(world: Of): string;
  /** There is nothing left to do. */
  isSettled(world: Of): boolean;
  steps(world: Of): readonly { readonly what: string; readonly world: Of; readonly wrong: string | null }[];
}

export const search = (first: World, guards: Guards): Found =>
  explore(first, { nameOf, isSettled: settled, steps: (world) => steps(world, guards) });

/**
 * Goes through every world that can come about, breadth first, and stops at the first that breaks a rule. Beside the
 * rules of each step: from every world there must be a way to one in which all jobs are done with.
 */
export function explore<Of>(first: Of, { nameOf: name, isSettled, steps: next }: Searched<Of>): Found {
  const ids = new Map<string, number>([[name(first), 0]]);
  const worlds: (Of | undefined)[] = [first];
  const cameFrom: { from: number; what: string }[] = [{ from: -1, what: '' }];
  // All steps, as pairs of numbers, to walk them backwards.
  const edges: number[] = [];
  const ends: number[] = [];

  const trace = (id: number, last: string[] = []): string[] => {
    const way = last;
    for (let at = id; at > 0; at = cameFrom[at]?.from ?? -1) way.unshift(cameFrom[at]?.what ?? '');
    return way;
  };

  for (let at = 0; at < worlds.length; at += 1) {
    const world = worlds[at];
    if (world === undefined) throw new Error('A world was let go too early.');
    // Only its number is needed from now on.
    worlds[at] = undefined;
    if (isSettled(world)) ends.push(at);
    for (const step of next(world)) {
      if (step.wrong !== null) {
        return {
          worlds: worlds.length,
          steps: edges.length / 2,
          wrong: { what: step.wrong, trace: trace(at, [step.what]) },
        };
      }
      const called = name(step.world);
      let id = ids.get(called);
      if (id === undefined) {
        id = worlds.length;
        ids.set(called, id);
        worlds.push(step.world);
        cameFrom.push({ from: at, what: step.what });
      }
      edges.push(at, id);
    }
  }
  const stuck = firstWithoutWay(worlds.length, edges, ends);
  return {
    worlds: worlds.length,
    steps: edges.length / 2,
    wrong: stuck === null ? null : { what: 'a job can never be done with from here', trace: trace(stuck) },
  };
}

/** The first world from which no way leads to one of `ends`, or null. */
function firstWithoutWay(count: number, edges: readonly number[], ends: readonly number[]): number | null {
  const heads = new Int32Array(count).fill(-1);
  const next = new Int32Array(edges.length / 2);
  for (let edge = 0; edge < next.length; edge += 1) {
    const to = edges[2 * edge + 1] ?? 0;
    next[edge] = heads[to] ?? -1;
    heads[to] = edge;
  }
  const reached = new Uint8Array(count);
  const open = [...ends];
  for (const end of ends) reached[end] = 1;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (let edge = heads[at] ?? -1; edge !== -1; edge = next[edge] ?? -1) {
      const from = edges[2 * edge] ?? 0;
      if (reached[from] === 1) continue;
      reached[from] = 1;
      open.push(from);
    }
  }
  const stuck = reached.indexOf(0);
  return stuck === -1 ? null : stuck;
}
