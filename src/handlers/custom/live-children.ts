import { signalGroup } from './process-tree.ts';

const live = new Set<number>();
const killAll = () => {
  for (const pid of live) signalGroup(pid, 'SIGKILL');
};

/**
 * Remembers a child until `forget` is called, so that none outlives a worker that ends without stopping them
 * (an uncaught error, `process.exit`): an `exit` listener kills what is left.
 */
export function remember(pid: number): { forget(): void } {
  if (live.size === 0) process.on('exit', killAll);
  live.add(pid);
  return {
    forget() {
      live.delete(pid);
      if (live.size === 0) process.off('exit', killAll);
    },
  };
}
