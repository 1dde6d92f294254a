import { z } from 'zod';
import type { MetricsReply } from '../queue/control-replies.ts';
import { openMetrics } from '../text/open-metrics.ts';
import { defineCommand } from './command.ts';

export interface MetricsResult {
  readonly command: 'metrics';
  readonly reply: MetricsReply;
}

export const metrics = defineCommand({
  name: 'metrics',
  about: 'Print the state of the queue for Prometheus, as OpenMetrics text.',
  input: z.object({}),
  run: async (_, { queue }): Promise<MetricsResult> => ({
    command: 'metrics',
    reply: await queue.metrics(),
  }),
  json: ({ reply }) => reply,
  // The host ends the text with a line break of its own.
  text: ({ reply }) => openMetrics(reply).trimEnd(),
});
