/**
 * Edges, steps, events and spawned jobs as a pure model, apart from locks and retries, which queue-model.ts has: two parents,
 * a child with one step that waits for an event, and a job that the child adds. Workers may die at any moment, replies
 * may be lost, requests may come twice and late. The search goes through every order of all this.
 */
export interface FlowGuards {
  /** A child is claimed only when all of its parents have ended. */
  readonly childWaits: boolean;
  /** A step is stored only by the execution that holds the lock. */
  readonly stepIsFenced: boolean;
  /** An attempt that begins is given the steps that are stored. */
  readonly stepsAreRecalled: boolean;
  /** An event that comes before the wait is kept for it. */
  readonly eventIsKept: boolean;
  /** The same event counts once, however often it is sent. */
  readonly eventCountsOnce: boolean;
  /** The end of the last parent releases the child in its own transaction. */
  readonly endReleases: boolean;
  /** Jobs are added only with the success of their attempt, and once. */
  readonly spawnIsFenced: boolean;
}

export const ALL_FLOW_GUARDS: FlowGuards = {
  childWaits: true,
  stepIsFenced: true,
  stepsAreRecalled: true,
  eventIsKept: true,
  eventCountsOnce: true,
  endReleases: true,
  spawnIsFenced: true,
};

const CHILD = 2;

type Status = 'blocked' | 'waiting' | 'locked' | 'pausing' | 'success';

/** What a worker has sent, and sends again until it is answered. */
type Request =
  | { readonly kind: 'step'; readonly execution: number; readonly value: number }
  | { readonly kind: 'wait' | 'finish'; readonly execution: number };

interface Attempt {
  readonly execution: number;
  readonly job: number;
  /** Where its handler is. */
  at: 'start' | 'ran' | 'stored' | 'done';
  awaits: Request | null;
}

export interface Flow {
  /** Two parents, and the child of both. */
  readonly jobs: { status: Status; holder: number }[];
  /** The stored result of the child's step; 0: none. Each run of its function has a result of its own. */
  stored: number;
  /** How often the function ran, and whether it did after a result was stored. */
  runs: number;
  /** The event: not sent, sent and kept, or taken by the wait; and how often it was taken. */
  kept: number;
  taken: number;
  signalsLeft: number;
  spawned: number;
  readonly attempts: Attempt[];
  readonly late: Request[];
  faultsLeft: number;
  nextExecution: number;
}

export const firstFlow = (faultsLeft: number): Flow => ({
  jobs: [
    { status: 'waiting', holder: 0 },
    { status: 'waiting', holder: 0 },
    { status: 'blocked', holder: 0 },
  ],
  stored: 0,
  runs: 0,
  kept: 0,
  taken: 0,
  signalsLeft: 2,
  spawned: 0,
  attempts: [],
  late: [],
  faultsLeft,
  nextExecution: 1,
});

export interface FlowStep {
  readonly what: string;
  readonly flow: Flow;
  readonly wrong: string | null;
}

export const isSettled = ({ jobs }: Flow): boolean => jobs.every(({ status }) => status === 'success');

/** Everything that can happen next. */
export function flowSteps(flow: Flow, guards: FlowGuards): FlowStep[] {
  const found: FlowStep[] = [];
  const step = (what: string, act: (next: Flow) => string | null): void => {
    const next = structuredClone(flow);
    const wrong = act(next) ?? brokenRule(next);
    found.push({ what, flow: next, wrong });
  };
  for (const [index, job] of flow.jobs.entries()) {
    const early = index === CHILD && !guards.childWaits && job.status === 'blocked';
    if (job.status === 'waiting' || early)
      step(`job ${index} is claimed`, (next) => claim(next, index, guards));
  }
  for (const index of flow.attempts.keys()) attemptSteps(flow, index, guards, step);
  for (const index of flow.late.keys())
    step('a late copy arrives', (next) => {
      const [request] = next.late.splice(index, 1);
      return request ? serve(next, request, guards).wrong : null;
    });
  if (flow.signalsLeft > 0 && flow.jobs[CHILD]?.status !== 'success')
    step('the event is sent', (next) => signal(next, guards));
  return found;
}

function brokenRule({ taken, spawned, jobs }: Flow): string | null {
  if (taken > 1) return 'an event counted twice';
  if (spawned > 1) return 'jobs were added twice';
  if (spawned > 0 && jobs[CHILD]?.status !== 'success') return 'jobs were added without the success';
  if (jobs[CHILD]?.status === 'success' && spawned === 0) return 'a success forgot the jobs that it adds';
  return null;
}

function claim(next: Flow, index: number, guards: FlowGuards): string | null {
  const job = next.jobs[index];
  if (!job) return null;
  const execution = next.nextExecution;
  next.nextExecution += 1;
  Object.assign(job, { status: 'locked', holder: execution });
  const knows = index === CHILD && next.stored > 0 && guards.stepsAreRecalled;
  next.attempts.push({
    execution,
    job: index,
    at: index === CHILD ? (knows ? 'stored' : 'start') : 'done',
    awaits: null,
  });
  const parents = next.jobs.slice(0, CHILD);
  if (index === CHILD && parents.some(({ status }) => status !== 'success'))
    return 'a child started before its parents had ended';
  return null;
}

type AddStep = (what: string, act: (next: Flow) => string | null) => void;

function attemptSteps(flow: Flow, index: number, guards: FlowGuards, step: AddStep): void {
  const attempt = flow.attempts[index];
  if (!attempt) return;
  const own = (next: Flow): Attempt => next.attempts[index] as Attempt;
  const { execution, awaits, at } = attempt;
  if (flow.faultsLeft > 0) {
    step(`the worker of ${execution} dies, and its lock expires`, (next) => {
      next.faultsLeft -= 1;
      if (awaits) next.late.push(awaits);
      next.attempts.splice(index, 1);
      return lose(next, execution);
    });
    step(`the lock of ${execution} expires, and its worker goes on`, (next) => {
      next.faultsLeft -= 1;
      return lose(next, execution);
    });
  }
  if (awaits !== null) {
    const arrive = (next: Flow, isAnswered: boolean): string | null => {
      const { wrong, held, pauses } = serve(next, awaits, guards);
      if (!isAnswered) return wrong;
      own(next).awaits = null;
      if (!held || awaits.kind === 'finish' || pauses) next.attempts.splice(index, 1);
      else own(next).at = awaits.kind === 'step' ? 'stored' : 'done';
      return wrong;
    };
    step(`the ${awaits.kind} of ${execution} arrives`, (next) => arrive(next, true));
    if (flow.faultsLeft > 0)
      step(`the ${awaits.kind} of ${execution} arrives, its reply is lost`, (next) => {
        next.faultsLeft -= 1;
        return arrive(next, false);
      });
    return;
  }
  if (at === 'start')
    step(`${execution} runs the step`, (next) => {
      own(next).at = 'ran';
      next.runs += 1;
      // What ran before the lock was lost may still be running; only an attempt that holds it must know of the result.
      const isHeld = next.jobs[CHILD]?.holder === execution;
      return isHeld && next.stored > 0 ? 'a step ran again after its result was stored' : null;
    });
  else {
    const kind = ({ ran: 'step', stored: 'wait', done: 'finish' } as const)[at];
    step(`${execution} sends its ${kind}`, (next) => {
      own(next).awaits = kind === 'step' ? { kind, execution, value: next.runs } : { kind, execution };
      return null;
    });
  }
}

function lose(next: Flow, execution: number): null {
  for (const job of next.jobs)
    if (job.status === 'locked' && job.holder === execution)
      Object.assign(job, { status: 'waiting', holder: 0 });
  return null;
}

interface Served {
  readonly wrong: string | null;
  readonly held: boolean;
  readonly pauses: boolean;
}

/** The database carries out a request. */
function serve(next: Flow, request: Request, guards: FlowGuards): Served {
  const job = next.jobs.find(({ status, holder }) => status === 'locked' && holder === request.execution);
  const held = job !== undefined;
  const done = (wrong: string | null = null, pauses = false): Served => ({ wrong, held, pauses });
  if (request.kind === 'step') {
    if (!held && guards.stepIsFenced) return done();
    // One that is sent again has the value of the first time.
    const isChanged = next.stored > 0 && next.stored !== request.value;
    next.stored = request.value;
    if (!held) return done('a zombie stored a step');
    return done(isChanged ? 'a stored result was replaced' : null);
  }
  if (request.kind === 'wait') {
    if (!job) return done();
    if (next.kept > 0 || next.taken > 0) {
      // A wait that has its event gets it again.
      if (next.taken === 0) {
        next.taken = guards.eventCountsOnce ? 1 : next.kept;
        next.kept = 0;
      }
      return done();
    }
    Object.assign(job, { status: 'pausing', holder: 0 });
    return done(null, true);
  }
  const child = next.jobs[CHILD];
  const isChild = job === child;
  if (!job) {
    if (!guards.spawnIsFenced && child?.status === 'success') next.spawned += 1;
    return done();
  }
  Object.assign(job, { status: 'success', holder: 0 });
  if (isChild) next.spawned += 1;
  const isLast = next.jobs.slice(0, CHILD).every(({ status }) => status === 'success');
  if (child?.status === 'blocked' && isLast && guards.endReleases) child.status = 'waiting';
  return done();
}

function signal(next: Flow, guards: FlowGuards): null {
  next.signalsLeft -= 1;
  const child = next.jobs[CHILD];
  if (child?.status === 'pausing') {
    next.kept += 1;
    child.status = 'waiting';
  } else if (guards.eventIsKept && (next.kept === 0 || !guards.eventCountsOnce) && next.taken === 0)
    next.kept += 1;
  return null;
}
