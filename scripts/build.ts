/**
 * Builds lib/ (the npm package) by tsc and dist/ (the action) by ncc from it: the bundler never sees TypeScript.
 * `--check` fails when the committed dist/ or sql/install.sql is not what the source builds.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { licences } from './bundle/licenses.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (script: string, cwd: string, ...args: string[]): void => {
  execFileSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
};

const check = process.argv.includes('--check');
const target = check ? mkdtempSync(join(tmpdir(), 'cloud-jobs-dist-')) : join(root, 'dist');
rmSync(join(root, 'lib'), { recursive: true, force: true });
run('typescript/bin/tsc', root, '-p', 'tsconfig.build.json');
chmodSync(join(root, 'lib/src/hosts/command-line.js'), 0o755);
// The page of the dashboard, which Vite builds before the package is packed.
const page = join(root, 'dashboard/built');
if (existsSync(page)) cpSync(page, join(root, 'lib/dashboard/built'), { recursive: true });
if (!check) rmSync(target, { recursive: true, force: true });
const bundle = (module: string, to: string): void =>
  run('@vercel/ncc/dist/ncc/cli.js', root, 'build', module, '-o', to, '-q');
bundle(join(root, 'lib/src/hosts/github-action.js'), target);
bundle(join(root, 'lib/src/handlers/custom/host.js'), join(target, 'host'));
writeFileSync(join(target, 'licenses.txt'), licences(root));

if (check) {
  const files = (folder: string): string[] =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(folder.length))
          .sort()
      : [];
  const committed = join(root, 'dist');
  const names = new Set([...files(target), ...files(committed)]);
  const differing = [...names].filter((name) => {
    const [built, kept] = [join(target, name), join(committed, name)];
    return !existsSync(built) || !existsSync(kept) || !readFileSync(built).equals(readFileSync(kept));
  });
  rmSync(target, { recursive: true, force: true });
  if (differing.length > 0) {
    console.error(
      `dist/ is not what the source builds (${differing.join(', ')}). Run: npm run build, and commit dist/.`,
    );
    process.exit(1);
  }
  console.log('dist/ is what the source builds');
} else {
  console.log('Built lib/ and dist/');
}
