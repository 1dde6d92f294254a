import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultRule, Fault as HttpFault } from '../../local-supabase/faults.ts';
import type { Random } from './random.ts';
import type { Fault, Faults, Scene } from './scene.ts';
import type { WireFault } from './wire.ts';

/** Faults of the network below HTTP, on the connections of one or two workers. Several can be made at once. */
export const WIRE_FAULTS: Faults = {
  'network: refused': wires('network: refused', () => ({ kind: 'refused' })),
  'network: half open': wires('network: half open', () => ({ kind: 'half-open' })),
  'network: reset in the middle': wires('network: reset in the middle', (random) => ({
    kind: 'reset',
    afterBytes: random.between(0, 4_000),
  })),
};

function wires(kind: string, choose: (random: Random) => WireFault): Fault {
  return async ({ fleet, random, count, hurry }) => {
    const sound = fleet.sound();
    if (sound.length === 0) return;
    const fault = choose(random);
    // A worker waits 12 s for an answer on a dead connection, so only one meets that at a time.
    const struck = new Set([random.pick(sound), ...(fault.kind === 'half-open' ? [] : [random.pick(sound)])]);
    for (const { wire } of struck) {
      count(kind);
      await wire.setFault(fault);
    }
    await sleep(random.between(300, hurry ? 1_000 : 3_000));
    for (const { wire } of struck) await wire.setFault(undefined);
  };
}

const pageOf = (status: number): HttpFault => ({
  kind: 'answer',
  status,
  body: `<html><head><title>${status}</title></head><body>cloudflare</body></html>`,
  headers: { 'content-type': 'text/html' },
});

const json = (status: number, body: unknown): HttpFault => ({
  kind: 'answer',
  status,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

const HTTP_KINDS: Readonly<Record<string, (random: Random) => HttpFault>> = {
  'reply lost': () => ({ kind: 'lose-reply' }),
  'request cut': () => ({ kind: 'cut' }),
  'slow by seconds': (random) => ({ kind: 'delay', milliseconds: random.between(500, 5_000) }),
  'HTTP 502, 503, 504, 520': (random) => {
    const status = random.pick([502, 503, 504, 520]);
    return random.chance(0.5) ? { kind: 'answer', status, body: '' } : pageOf(status);
  },
  'HTTP 401 in passing': (random) =>
    json(
      401,
      random.pick([{ code: 'PGRST303', message: 'JWT issued at future' }, { message: 'Invalid API key' }]),
    ),
  'HTTP 405, read-only': () =>
    json(405, { code: '25006', message: 'cannot execute INSERT in a read-only transaction' }),
  'one wrong answer': (random) =>
    random.pick([
      pageOf(200),
      pageOf(403),
      json(404, { code: 'PGRST202', message: 'Could not find the function in the schema cache' }),
      { kind: 'answer', status: 200, body: '{"v":1,"jobs":[{"job_id":' },
    ]),
  'HTTP 540': (random) => (random.chance(0.5) ? { kind: 'answer', status: 540, body: '' } : pageOf(540)),
  'HTTP 404, empty or []': (random) => ({
    kind: 'answer',
    status: 404,
    body: random.pick(['', '[]']),
    headers: { 'content-type': 'application/json' },
  }),
};

/** The share of requests that meet a fault while it lasts, and how long it lasts at most, in milliseconds. */
const WINDOWS: Readonly<Record<string, { readonly share: number; readonly most: number }>> = {
  'reply lost': { share: 0.7, most: 2_000 },
  'request cut': { share: 0.7, most: 2_000 },
  'slow by seconds': { share: 0.7, most: 1_000 },
  'HTTP 502, 503, 504, 520': { share: 0.8, most: 2_000 },
  'HTTP 401 in passing': { share: 0.7, most: 2_000 },
  'HTTP 405, read-only': { share: 0.8, most: 2_000 },
  'HTTP 540': { share: 0.3, most: 500 },
  'HTTP 404, empty or []': { share: 0.3, most: 500 },
};

/** Faults of single requests at any time. The next try succeeds, so that none of them explains a lost attempt. */
const NOISE: readonly (readonly [number, string])[] = [
  [4, 'reply lost'],
  [2, 'request cut'],
  [2, 'HTTP 502, 503, 504, 520'],
  [1, 'slow by seconds'],
  [1, 'HTTP 401 in passing'],
  [1, 'HTTP 405, read-only'],
  [2, 'one wrong answer'],
];
const NOISE_SHARE = 0.03;

/** Faults of HTTP requests, which any client may meet. */
export interface HttpWeather {
  /** Periods in which most requests meet one kind of fault. Only one lasts at a time. */
  readonly faults: Faults;
  stop(): void;
}

/** Starts the faults of single requests. Each request that meets a fault counts as one. */
export function startHttpWeather(scene: Scene, lostReplies: Record<string, number>): HttpWeather {
  const { random } = scene;
  const make = (kind: string, path: string): HttpFault | undefined => {
    scene.count(kind);
    if (kind === 'reply lost') {
      const fn = path.replace(/^\/rpc\//, '').replace(/\?.*$/, '');
      lostReplies[fn] = (lostReplies[fn] ?? 0) + 1;
    }
    return HTTP_KINDS[kind]?.(random);
  };
  let spell: string | undefined;
  const rule: FaultRule = ({ path }) => {
    if (spell !== undefined && random.chance(WINDOWS[spell]?.share ?? 0)) return make(spell, path);
    return random.chance(NOISE_SHARE) ? make(random.weighted(NOISE), path) : undefined;
  };
  scene.arena.project.setFaults(rule);
  return {
    faults: Object.fromEntries(
      Object.entries(WINDOWS).map(([kind, { most }]): [string, Fault] => [
        kind,
        async () => {
          const from = Date.now();
          spell = kind;
          await sleep(random.between(300, most));
          spell = undefined;
          scene.outages.push({ from, to: Date.now() });
        },
      ]),
    ),
    stop: () => scene.arena.project.setFaults(undefined),
  };
}
