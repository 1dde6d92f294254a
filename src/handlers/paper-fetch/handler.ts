import { plural } from '../../text/format.ts';
import type { Handler, JobLog } from '../handler.ts';
import { parsePaperFetchConfig } from './config.ts';
import { ARXIV_GATE_MS, type PaperFetchDeps } from './deps.ts';
import { createGate } from './gate.ts';
import { buildOutcome, errorText, type RunEnd } from './outcome.ts';
import { readSource, type SourceReport } from './read-source.ts';
import { userAgent } from './request.ts';
import type { SourceRun } from './source.ts';
import { fetchWindow } from './window.ts';

/**
 * Makes the handler of `paper_fetch` jobs, which stores the metadata of papers that match the job's config and never
 * downloads a paper itself. A process makes one: it holds the gate that keeps requests to arXiv apart.
 */
export function createPaperFetchHandler(deps: PaperFetchDeps): Handler {
  const arxivGate = createGate(deps.arxivGateMs ?? ARXIV_GATE_MS, deps);

  return async (context) => {
    const started = deps.monotonic();
    if (deps.openAlexKey !== undefined && deps.openAlexKey !== '') context.secret(deps.openAlexKey);
    const parsed = parsePaperFetchConfig(context.config);
    if (!parsed.ok) return { outcome: 'discard', reason: parsed.message };
    const { config } = parsed;
    const now = deps.now();
    const window = fetchWindow(now, config.daysBack);
    const run: SourceRun = {
      config,
      window,
      signal: context.signal,
      jobId: context.job.job_id,
      userAgent: userAgent(deps.userAgentVersion, config.mailto),
      deps,
      arxivGate,
      log: (text) => context.log.line(text),
    };

    const reports: SourceReport[] = [];
    for (const source of config.sources) {
      context.signal.throwIfAborted();
      const doneBefore = reports.reduce((sum, { found }) => sum + found, 0);
      const read = await readSource(source, run, (soFar) => {
        const expected = Math.min(soFar.totalResults ?? config.maxPapers, config.maxPapers);
        const total = doneBefore + Math.max(expected, soFar.found);
        const note = `${soFar.label}: ${plural(soFar.found, 'paper')} read, ${soFar.inserted} new`;
        context.progress({ done: doneBefore + soFar.found, total, note });
        context.log.line(note);
      });
      reports.push(read);
    }

    const end = {
      sources: reports,
      totalPapers: await deps.store.count(),
      durationSeconds: (deps.monotonic() - started) / 1000,
      window,
      now,
      createdAt: new Date(context.job.created_at),
      occurrence: context.job.schedule === null ? null : new Date(context.job.scheduled_for),
      random: deps.random(),
    };
    const outcome = buildOutcome(end);
    report(context.log, end, outcome.outcome === 'success');
    // No other worker asks arXiv before this job ends, so the pause after its last request is part of it.
    if (config.sources.includes('arxiv')) await arxivGate.rest(context.signal);
    return outcome;
  };
}

/** Shows warnings in the summary of the run. A failure of the whole job is there by itself. */
function report(log: JobLog, end: RunEnd, isSuccess: boolean): void {
  for (const source of end.sources) {
    for (const warning of source.warnings) log.warning(warning);
    const error = errorText(source, end);
    if (error === null) continue;
    if (isSuccess) log.warning(error);
    else log.line(error, 'stderr');
  }
}
