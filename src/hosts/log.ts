import { command } from '../github/workflow-command.ts';
import { disarmLines, LINE_LIMIT, splitLines } from '../text/disarm.ts';

/** Where a run tells people what it does. Takes any text: secrets are hidden, and nothing in it is a command. */
export interface Log {
  info(text: string): void;
  /** `title` is shown above the annotation. */
  warning(text: string, title?: string): void;
  error(text: string, title?: string): void;
  group(name: string, lines: readonly string[]): void;
  /** Hides the secrets that are known by now. Everything above does so by itself. */
  redact(text: string): string;
  /** Call it once, at the very end: says how many errors and warnings there was no annotation left for. */
  end(): void;
}

export interface LogDeps {
  readonly write: (text: string) => void;
  readonly redact: (text: string) => string;
}

/** What the runner keeps of each kind per step, and of one message. Source: actions/runner, ExecutionContext.cs. */
const ANNOTATIONS = 10;
const MESSAGE_LIMIT = 4000;

/** The log in GitHub's format: groups that fold, warnings and errors as annotations. */
export function createGitHubLog({ write, redact }: LogDeps): Log {
  const counts = { warning: 0, error: 0 };

  const print = (text: string): void => write(`${safeLines(text, redact).join('\n')}\n`);
  const annotate = (kind: 'warning' | 'error', text: string, title?: string): void => {
    counts[kind]++;
    // The last one is kept for `end`.
    if (counts[kind] >= ANNOTATIONS) print(`${kind === 'error' ? 'Error' : 'Warning'}: ${text}`);
    else
      write(command(kind, message(text, redact), title === undefined ? undefined : oneLine(title, redact)));
  };

  return {
    info: print,
    warning: (text, title) => annotate('warning', text, title),
    error: (text, title) => annotate('error', text, title),
    group(name, lines) {
      write(command('group', oneLine(name, redact)));
      for (const line of lines) print(line);
      write(command('endgroup'));
    },
    redact,
    end() {
      for (const kind of ['error', 'warning'] as const) {
        const more = counts[kind] - (ANNOTATIONS - 1);
        if (more <= 0) continue;
        const noun = more === 1 ? kind : `${kind}s`;
        write(command(kind, `${more} more ${noun}: see the log of this step and the job summary.`));
      }
    },
  };
}

/** The log for a terminal. `colour` only where somebody looks at it. */
export function createTerminalLog({ write, redact, colour }: LogDeps & { readonly colour: boolean }): Log {
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const print = (text: string): void => write(`${safeLines(text, redact).join('\n')}\n`);
  const marked = (mark: string, text: string): void => {
    const [first = '', ...rest] = safeLines(text, redact);
    write([`${mark} ${first}\n`, ...rest.map((line) => `  ${line}\n`)].join(''));
  };
  return {
    info: print,
    warning: (text) => marked(paint(33, 'Warning:'), text),
    error: (text) => marked(paint(31, 'Error:'), text),
    group(name, lines) {
      const inside = lines.flatMap((line) => safeLines(line, redact));
      write([paint(1, oneLine(name, redact)), ...inside.map((line) => `  ${line}`), ''].join('\n'));
    },
    redact,
    end() {},
  };
}

/** Redacted first as one text, for secrets of many lines, and again once nothing invisible parts them any more. */
function safeLines(text: string, redact: (text: string) => string): string[] {
  return disarmLines(redact(text)).map(redact);
}

function oneLine(text: string, redact: (text: string) => string): string {
  return safeLines(splitLines(text).join(' '), redact).join(' ').slice(0, 500).toWellFormed();
}

function message(text: string, redact: (text: string) => string): string {
  const safe = safeLines(text.slice(0, LINE_LIMIT * 4), redact).join('\n');
  return safe.length > MESSAGE_LIMIT ? `${safe.slice(0, MESSAGE_LIMIT - 1).toWellFormed()}…` : safe;
}
