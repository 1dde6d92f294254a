import type { Bench } from '../lib/bench.ts';
import { autovacuum } from './autovacuum.ts';
import { busy } from './busy.ts';
import { claim } from './claim.ts';
import { custom } from './custom.ts';
import { drain } from './drain.ts';
import { enqueue } from './enqueue.ts';
import { history } from './history.ts';
import { idle } from './idle.ts';
import { memory } from './memory.ts';
import { roundTrips } from './round-trips.ts';
import { scale } from './scale.ts';

/** In the order in which they run. */
export const benches: Readonly<Record<string, Bench>> = {
  drain,
  enqueue,
  claim,
  scale,
  history,
  autovacuum,
  idle,
  busy,
  'round-trips': roundTrips,
  custom,
  memory,
};
