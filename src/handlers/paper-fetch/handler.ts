import type { Handler } from '../handler.ts';
import { parsePaperFetchConfig } from './config.ts';
import { ARXIV_GATE_MS, type PaperFetchDeps } from './deps.ts';
import { createGate } from './gate.ts';
import { sourceLabel, userAgent } from './http.ts';
import { buildOutcome } from './outcome.ts';
import { runSource, type SourceReport } from './run-source.ts';
import type { SourceRun } from './source.ts';
import { fetchWindow } from './window.ts';

/**
 * Makes the handler of `paper_fetch` jobs: it stores the metadata of papers that match the job's config and never
 * downloads a paper itself. Make one for the whole process: the gate that keeps requests to arXiv apart lives in it.
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
      userAgent: userAgent(deps.userAgentVersion, config.mailto),
      deps,
      arxivGate,
      log: (text) => context.log.line(text),
    };

    const reports: SourceReport[] = [];
    for (const source of config.sources) {
      context.signal.throwIfAborted();
      const doneBefore = reports.reduce((sum, report) => sum + report.found, 0);
      const report = await runSource(source, run, (soFar) => {
        const expected = Math.min(soFar.totalResults ?? config.maxPapers, config.maxPapers);
        const total = doneBefore + Math.max(expected, soFar.found);
        const note = `${sourceLabel(source)}: ${soFar.found} papers read, ${soFar.inserted} new`;
        context.progress({ done: doneBefore + soFar.found, total, note });
        context.log.line(note);
      });
      if (report.error !== null) context.log.line(report.error.message, 'stderr');
      for (const warning of report.warnings) context.log.line(warning, 'stderr');
      reports.push(report);
    }

    const outcome = buildOutcome({
      sources: reports,
      totalPapers: await deps.store.count(),
      durationSeconds: (deps.monotonic() - started) / 1000,
      window,
      now,
      random: deps.random(),
    });
    // No other worker asks arXiv before this job ends, so the pause after its last request is part of it.
    if (config.sources.includes('arxiv')) await arxivGate.rest(context.signal);
    return outcome;
  };
}
