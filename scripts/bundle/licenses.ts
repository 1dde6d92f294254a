import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Locked {
  readonly version: string;
  readonly dev?: boolean;
  readonly license?: string;
}

/**
 * The licence of every package that may be in the bundle: what the product depends on, with what that depends on. By
 * the lockfile, since the bundler forgets the packages whose modules it has joined into others.
 * @throws Error where a package is not installed, or says nothing of its licence
 */
export function licences(root: string): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Locked>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && !dev)
    .map(([path, { version }]) => {
      const folder = join(root, path);
      const { name, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
        name: string;
        license?: string;
      };
      const file = readdirSync(folder).find((entry) => /^licen[cs]e(\.(md|txt))?$/i.test(entry));
      if (file === undefined && license === undefined)
        throw new Error(`${name} says nothing of its licence.`);
      const text = file === undefined ? '' : `${readFileSync(join(folder, file), 'utf8').trim()}\n`;
      return `${name} ${version}\n${license ?? 'See below'}\n${text}`.replaceAll('\r\n', '\n');
    })
    .sort()
    .join('\n');
}
