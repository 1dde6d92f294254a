/**
 * The log of a step as GitHub shows it: groups that fold, warnings and errors as annotations. `@actions/core` escapes
 * what it puts into a command, but prints plain lines as they are. Lines of jobs may hold commands to the runner, so
 * every text is disarmed here first.
 */
import * as core from '@actions/core';
import { LINE_LIMIT } from '../text/disarm.ts';
import { type Log, safeLines, safeTitle } from '../text/log.ts';

/** How many annotations of a kind GitHub keeps of a step. Source: actions/runner, ExecutionContext.cs. */
const ANNOTATIONS = 10;
/** How many characters GitHub keeps of an annotation. Source: actions/runner, ExecutionContext.cs. */
const MESSAGE_LIMIT = 4000;

const ANNOTATE = { error: core.error, warning: core.warning };
type Kind = keyof typeof ANNOTATE;
const KINDS = ['error', 'warning'] as const satisfies Kind[];

export interface GitHubLog extends Log {
  /** Reports how many errors and warnings got no annotation. Call it once, last. */
  end(): void;
}

export function createGitHubLog(redact: (text: string) => string): GitHubLog {
  const counts = { warning: 0, error: 0 };

  const print = (text: string): void => {
    for (const line of safeLines(text, redact)) core.info(line);
  };
  const annotate = (kind: Kind, text: string, title?: string): void => {
    counts[kind]++;
    // The last annotation is kept for `end`.
    if (counts[kind] >= ANNOTATIONS) print(`${kind === 'error' ? 'Error' : 'Warning'}: ${text}`);
    else
      ANNOTATE[kind](message(text, redact), title === undefined ? {} : { title: safeTitle(title, redact) });
  };

  return {
    info: print,
    warning: (text, title) => annotate('warning', text, title),
    error: (text, title) => annotate('error', text, title),
    group(name, lines) {
      core.startGroup(safeTitle(name, redact));
      for (const line of lines) print(line);
      core.endGroup();
    },
    redact,
    end() {
      for (const kind of KINDS) {
        const more = counts[kind] - (ANNOTATIONS - 1);
        if (more <= 0) continue;
        const noun = more === 1 ? kind : `${kind}s`;
        ANNOTATE[kind](`${more} more ${noun}: see the log of this step and the job summary.`);
      }
    },
  };
}

function message(text: string, redact: (text: string) => string): string {
  const safe = safeLines(text.slice(0, LINE_LIMIT * 4), redact).join('\n');
  return safe.length > MESSAGE_LIMIT ? `${safe.slice(0, MESSAGE_LIMIT - 1).toWellFormed()}…` : safe;
}
