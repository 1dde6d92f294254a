import { z } from 'zod';
import { minutes, secondsOf, text } from './fields.ts';
import { queueToSet, setQueue } from './set-queue.ts';

export const pause = setQueue({
  name: 'pause',
  about: 'Start no more jobs of a queue until it is resumed, or for some minutes. Running jobs go on.',
  input: z.object({
    queue: queueToSet,
    reason: text(500).optional().describe('Why, for the people who see the queue.'),
    minutes: minutes(0, 43_200)
      .optional()
      .describe('Pause only for this many minutes, up to 43200 (30 days). Default: until resume.'),
  }),
  changes: ({ reason = null, minutes: length }) => ({
    reason,
    ...(length === undefined ? { paused: true } : { cool_down_seconds: secondsOf(length) }),
  }),
});
