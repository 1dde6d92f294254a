/**
 * The two steps of a release that npm and gh leave open.
 *
 *   node scripts/release.ts version   runs inside `npm version`: dates the changelog and writes src/version.ts
 *   node scripts/release.ts notes     prints what CHANGELOG.md says of the version of package.json
 */
import { readFileSync, writeFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const changelog = readFileSync('CHANGELOG.md', 'utf8');

/** Returns the text below the heading of the second level that starts with `[name]`. */
function section(name: string): string | undefined {
  const part = changelog.split(/^(?=## )/m).find((text) => text.startsWith(`## [${name}]`));
  return part?.slice(part.indexOf('\n')).trim();
}

function fail(text: string): never {
  console.error(text);
  process.exit(1);
}

if (process.argv[2] === 'version') {
  if (section(version) !== undefined) fail(`CHANGELOG.md already has a section for ${version}.`);
  if (!section('Unreleased')?.includes('- ')) {
    fail(`CHANGELOG.md has nothing under "## [Unreleased]". Describe there what is new in ${version}.`);
  }
  const today = new Date().toISOString().slice(0, 10);
  const heading = '## [Unreleased]';
  writeFileSync('CHANGELOG.md', changelog.replace(heading, `${heading}\n\n## [${version}] - ${today}`));
  const source = readFileSync('src/version.ts', 'utf8');
  writeFileSync('src/version.ts', source.replace(/VERSION = '[^']*'/, `VERSION = '${version}'`));
} else {
  console.log(
    section(version) ?? fail(`CHANGELOG.md has no section for ${version}. Run: npm version ${version}`),
  );
}
