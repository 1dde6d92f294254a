import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Ends processes and removes folders when the process that made it goes away without doing so itself. */
export interface Watchdog {
  /** Watches a child: `signal` is what asks it to stop in good order. */
  watch(pid: number, signal: 'INT' | 'TERM'): void;
  /** Forgets a child that has ended, so that its number may be used by somebody else. */
  forget(pid: number): void;
  /** Removes this folder too. */
  removes(folder: string): void;
  /** Ends the watchdog itself; nothing is killed or removed. */
  close(): Promise<void>;
}

// A shell, not Node: it is there in a millisecond and costs 1 MB. It reads commands from a pipe that only we
// write to, so the end of the pipe means that we are dead, whatever the cause.
const SCRIPT = `
trap '' INT TERM HUP QUIT PIPE
children= folders=
nl='
'
while IFS=' ' read -r op pid signal; do
  case $op in
    watch) children="$children $pid:$signal" ;;
    forget)
      kept=
      for c in $children; do [ "\${c%%:*}" = "$pid" ] || kept="$kept $c"; done
      children=$kept ;;
    remove) IFS= read -r folder; folders="$folders$folder$nl" ;;
    close) exit 0 ;;
  esac
done
for c in $children; do kill -s "\${c##*:}" "\${c%%:*}" 2>/dev/null; done
tries=0
while [ $tries -lt 100 ]; do
  alive=
  for c in $children; do kill -s 0 "\${c%%:*}" 2>/dev/null && alive=1; done
  [ -z "$alive" ] && break
  sleep 0.1
  tries=$((tries + 1))
done
for c in $children; do kill -s KILL "\${c%%:*}" 2>/dev/null; done
IFS=$nl
for folder in $folders; do rm -rf -- "$folder"; done
`;

/**
 * Starts a watchdog for this process. It lives in a session of its own, so a Ctrl-C in the terminal or a kill of
 * the whole process group does not reach it.
 */
export function startWatchdog(): Watchdog {
  const child = spawn('/bin/sh', ['-c', SCRIPT], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' },
  });
  const exited = once(child, 'exit');
  // Without these the watchdog would keep alive the very process whose end it waits for.
  child.unref();
  const pipe = child.stdin;
  pipe.on('error', () => {});
  if ('unref' in pipe && typeof pipe.unref === 'function') pipe.unref();
  const tell = (line: string) => {
    if (pipe.writable) pipe.write(`${line}\n`);
  };
  return {
    watch: (pid, signal) => tell(`watch ${pid} ${signal}`),
    forget: (pid) => tell(`forget ${pid}`),
    removes: (folder) => tell(`remove\n${folder}`),
    async close() {
      child.ref();
      pipe.end('close\n');
      await exited;
    },
  };
}
