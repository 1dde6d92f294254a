/**
 * `npm run release -- 1.2.0`: writes the version into package.json, package-lock.json, src/version.ts and CHANGELOG.md
 * and builds dist/. Review it, commit it, merge it; then start the workflow "Release".
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { releaseChangelog } from './changelog.ts';
import { readCheckout, VERSION_LINE } from './checkout.ts';
import { isNewer, parseVersion } from './version.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: { build: { type: 'boolean', default: true } },
});

function prepare(text: string | undefined): string {
  const version = parseVersion(text ?? '');
  if (!version || positionals.length !== 1) {
    throw new Error('Name the version, such as: npm run release -- 1.2.0');
  }
  const { versions, changelog } = readCheckout('.');
  const now = parseVersion(versions.package);
  if (now && isNewer(now, version)) {
    throw new Error(`package.json is at ${now.text} already: ${version.text} would be a step back.`);
  }
  const today = new Date().toISOString().slice(0, 10);
  const wanted = releaseChangelog(changelog, version.text, today);
  const replace = (file: string, change: (text: string) => string): void =>
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  // By hand and not by npm, which would write registry addresses into the lockfile.
  replace('package.json', (old) => old.replace(/^( {2}"version": ")[^"]*/m, `$1${version.text}`));
  replace('package-lock.json', (old) =>
    old
      .replace(/^( {2}"version": ")[^"]*/m, `$1${version.text}`)
      .replace(/^( {6}"version": ")[^"]*/m, `$1${version.text}`),
  );
  replace('src/version.ts', (old) => old.replace(VERSION_LINE, `export const VERSION = '${version.text}';`));
  writeFileSync('CHANGELOG.md', wanted);
  if (values.build) execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  return version.text;
}

try {
  const version = prepare(positionals[0]);
  console.log(
    `Ready: ${version}. Commit it, merge it into the default branch, and start the workflow "Release".`,
  );
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
