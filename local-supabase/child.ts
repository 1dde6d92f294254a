import { spawn } from 'node:child_process';
import type { Watchdog } from './watchdog.ts';

export interface ChildOptions {
  /** For error texts: "PostgREST", "initdb". */
  readonly name: string;
  readonly command: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Runs as this user; only root may ask for it. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Signal that asks the program to stop in good order. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  readonly watchdog: Watchdog;
}

/** A child process with the end of what it said, and an orderly way to stop it. */
export interface Child {
  readonly pid: number;
  readonly name: string;
  /** Settles when the process is gone, with words on how it ended. Never rejects. */
  readonly exited: Promise<string>;
  readonly running: boolean;
  /** The last 4,000 characters of stdout and stderr together. */
  tail(): string;
  /** Calls back for every line that it says, from now on. */
  onLine(listener: (line: string) => void): void;
  /** Asks it to stop; after `patienceMs` milliseconds it is killed. Resolves when it is gone. */
  stop(patienceMs?: number): Promise<void>;
}

const TAIL_CHARACTERS = 4_000;

/**
 * Starts a program in a session of its own: a Ctrl-C in the terminal goes to us alone, and we stop the parts in
 * order. The watchdog ends it should we die first.
 * @throws Error when the program cannot be started at all (missing, not executable).
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const child = spawn(options.command, options.args ?? [], {
    cwd: '/',
    env: options.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.user ? { uid: options.user.uid, gid: options.user.gid } : {}),
  });
  let said = '';
  let pending = '';
  const listeners: ((line: string) => void)[] = [];
  const hear = (chunk: string) => {
    said = (said + chunk).slice(-TAIL_CHARACTERS);
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    for (const line of lines) for (const listener of listeners) listener(line);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', hear);

  let running = true;
  const exited = new Promise<string>((resolve) => {
    // 'close' comes after the last output, so the tail is whole when this settles.
    child.once('close', (code, signal) => {
      running = false;
      if (child.pid !== undefined) options.watchdog.forget(child.pid);
      resolve(signal ? `ended by ${signal}` : `ended with exit code ${code}`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) =>
      reject(
        new Error(`${options.name} could not be started (${options.command}): ${cause.message}`, { cause }),
      ),
    );
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${options.name} could not be started: it has no process id.`);
  options.watchdog.watch(pid, options.stopSignal === 'SIGINT' ? 'INT' : 'TERM');

  return {
    pid,
    name: options.name,
    exited,
    get running() {
      return running;
    },
    tail: () => said.trim(),
    onLine: (listener) => listeners.push(listener),
    async stop(patienceMs = 10_000) {
      if (!running) return;
      child.kill(options.stopSignal);
      const killer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await exited;
      clearTimeout(killer);
    },
  };
}
