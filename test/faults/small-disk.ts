import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  /** Has room for small files and none for a result beyond its row's limit. */
  readonly folder: string;
  /** False where this user may not mount: no file at all can be made in the folder then, which is a stand-in. */
  readonly real: boolean;
  remove(): void;
}

/** Below the 256 KiB from which a result is kept in a file. */
const SIZE = '128k';

/** A disk that is full as soon as something large is written to it: a tiny tmpfs, so that it ends in a real ENOSPC. */
export function makeSmallDisk(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-disk-'));
  const run = (command: string, args: readonly string[]): boolean => {
    // GitHub's runners let their user do this by sudo.
    for (const [program, ...first] of process.getuid?.() === 0 ? [[command]] : [['sudo', '-n', command]]) {
      try {
        execFileSync(program as string, [...first, ...args], { stdio: 'ignore' });
        return true;
      } catch {
        // Not here, or not for this user.
      }
    }
    return false;
  };
  const real =
    process.platform === 'linux' &&
    run('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=1777`, 'tmpfs', folder]);
  if (real) mkdirSync(join(folder, 'temp'));
  let there = true;
  const remove = (): void => {
    if (!there) return;
    there = false;
    process.off('exit', remove);
    // A worker that still ends may hold it open.
    if (real) run('umount', ['--lazy', folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('exit', remove);
  return { folder: real ? join(folder, 'temp') : '/dev/null/full', real, remove };
}
