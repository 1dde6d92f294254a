import type { Request, World } from './world.ts';

/**
 * A text for a world: worlds that share it differ only in numbers that mean nothing, or in which of two jobs, or which
 * of three workers, is which.
 */
export function nameOf(world: World): string {
  const labels = new Map<number, number>();
  const label = (id: number): number => {
    let known = labels.get(id);
    if (known === undefined) {
      known = labels.size;
      labels.set(id, known);
    }
    return known;
  };
  const ask = (request: Request): string =>
    request.kind === 'claim'
      ? `c${label(request.id)}`
      : request.kind === 'renew'
        ? `r${label(request.execution)}`
        : `f${label(request.execution)}${request.outcome[0]}`;

  const { jobs, executions } = world.queue;
  const jobSigns = jobs.map(
    (job, index) =>
      `${job.status[0]}${job.retries}${job.status === 'locked' ? job.lockUntil : ''}${world.seen[index] === undefined ? '' : '?'}${world.spent[index]}`,
  );
  const jobOrder = inOrder(jobSigns);
  const place = new Map(jobOrder.map((index, at) => [index, at]));
  const about = (id: number | null): string => {
    const execution = id === null ? undefined : executions.get(id);
    return execution ? `${place.get(execution.job)}${execution.status[0]}` : '';
  };
  const workerSigns = world.workers.map(({ running, awaits }) => {
    if (awaits === null) return `r${about(running)}`;
    return `${awaits.kind}${awaits.kind === 'claim' ? '' : about(awaits.execution)}`;
  });

  const parts: string[] = [];
  for (const index of jobOrder) {
    const holder = jobs[index]?.holder ?? null;
    const seen = world.seen[index];
    parts.push(
      `${jobSigns[index]}${holder === null ? '' : label(holder)}/${seen === undefined || seen === null ? seen : label(seen)}`,
    );
  }
  const living = new Set<number>();
  for (const index of inOrder(workerSigns)) {
    const worker = world.workers[index];
    if (worker === undefined) continue;
    living.add(worker.name);
    parts.push(
      `${label(worker.name)}${worker.running === null ? '' : `r${label(worker.running)}`}${worker.awaits === null ? '' : ask(worker.awaits)}`,
    );
  }
  const who = (name: number): string => (living.has(name) ? `${label(name)}` : 'x');
  parts.push(
    `n${world.network
      .map(({ from, request }) => `${who(from)}${ask(request)}`)
      .sort()
      .join()}`,
  );
  for (const [id, execution] of executions) {
    // One that ended, and that no request and nobody else speaks of any more, can have no effect.
    if (!labels.has(id) && !labels.has(execution.request)) continue;
    parts.push(
      `e${label(id)}${place.get(execution.job)}${who(execution.worker)}${label(execution.request)}${execution.status[0]}${execution.kind === 'lost' ? 'l' : ''}`,
    );
  }
  parts.push(`${world.faultsLeft}`);
  return parts.join(' ');
}

/** The places of texts, by the order of the texts. */
const inOrder = (texts: readonly string[]): number[] =>
  texts
    .map((text, index) => ({ text, index }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.index - b.index))
    .map(({ index }) => index);
