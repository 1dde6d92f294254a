import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ReleaseState } from './plan.ts';

const Package = z.object({ version: z.string() });

/** Version line of src/version.ts. */
export const VERSION_LINE = /^export const VERSION = '([^']*)';$/m;

/** What the files of a checkout say of the version; which tags there are is somebody else's to say. */
export function readCheckout(folder: string): Omit<ReleaseState, 'tags'> {
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
  return {
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { cwd: folder, encoding: 'utf8' }).trim(),
    versions: {
      package: Package.parse(JSON.parse(read('package.json'))).version,
      lock: Package.parse(JSON.parse(read('package-lock.json'))).version,
      source: VERSION_LINE.exec(read('src/version.ts'))?.[1] ?? '',
    },
    changelog: read('CHANGELOG.md'),
  };
}

/** Tags that the checkout itself knows, for a dry run without GitHub. */
export function readLocalTags(folder: string): Record<string, string> {
  const refs = execFileSync(
    'git',
    ['for-each-ref', '--format=%(refname:strip=2) %(objectname) %(*objectname)', 'refs/tags/v*'],
    { cwd: folder, encoding: 'utf8' },
  );
  return Object.fromEntries(
    refs
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' '))
      // An annotated tag is an object of its own; the third field is the commit that it is about.
      .map(([name, object, commit]) => [name ?? '', commit || object || '']),
  );
}
