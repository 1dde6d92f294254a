import { z } from 'zod';
import { mustExist, queueToSet, setQueue } from './set-queue.ts';

export const resume = setQueue({
  name: 'resume',
  about: 'Let the jobs of a paused queue start again. Its limits stay.',
  input: z.object({ queue: queueToSet }),
  check: mustExist,
  changes: () => ({ paused: false, cool_down_seconds: null }),
});
