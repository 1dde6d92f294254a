import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../../queue/types.ts';
import { type HandlerDeps, type Highlights, type JobType, writtenSchema } from '../job-type.ts';
import { PAPER_FETCH_CONCURRENCY_KEY } from './arxiv.ts';
import { type PaperFetchConfig, parsePaperFetchConfig, schema } from './config.ts';
import { DEFAULT_PAPER_ENDPOINTS } from './deps.ts';
import { createPaperFetchHandler } from './handler.ts';
import { createPaperStore } from './store.ts';

/** Jobs that store the metadata of papers. */
export const paperFetch: JobType<PaperFetchConfig> = {
  name: 'paper_fetch',
  readConfig(config) {
    const parsed = parsePaperFetchConfig(config);
    if (!parsed.ok) throw new Error(parsed.message);
    return parsed.config;
  },
  // arXiv allows one connection at a time, over all machines together.
  concurrencyKey: ({ sources }) => (sources.includes('arxiv') ? PAPER_FETCH_CONCURRENCY_KEY : null),
  // One handler for the whole run: it keeps requests to arXiv apart.
  open: (deps) => ({ run: openHandler(deps) }),
  describe: async () => [{ handler: null, schema: writtenSchema(schema) }],
  highlights: newestPapers,
};

function openHandler({ callFunction, env, version }: HandlerDeps) {
  return createPaperFetchHandler({
    store: createPaperStore(callFunction),
    fetch,
    now: () => new Date(),
    monotonic: () => performance.now(),
    sleep: (ms, signal) => delay(ms, undefined, { signal }),
    random: Math.random,
    userAgentVersion: version,
    endpoints: {
      arxiv: env.CLOUD_JOBS_ARXIV_URL || DEFAULT_PAPER_ENDPOINTS.arxiv,
      openalex: env.CLOUD_JOBS_OPENALEX_URL || DEFAULT_PAPER_ENDPOINTS.openalex,
      europepmc: env.CLOUD_JOBS_EUROPEPMC_URL || DEFAULT_PAPER_ENDPOINTS.europepmc,
    },
    ...(env.OPENALEX_API_KEY ? { openAlexKey: env.OPENALEX_API_KEY } : {}),
  });
}

function newestPapers(result: Json): Highlights | null {
  const links = list(record(result).newest).flatMap((paper) => {
    const { title, url } = record(paper);
    if (typeof title !== 'string' || title === '') return [];
    return [{ text: title, url: typeof url === 'string' ? url : '' }];
  });
  return links.length === 0 ? null : { heading: 'newest papers', links };
}

const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

const record = (value: Json): Readonly<Record<string, Json>> =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
