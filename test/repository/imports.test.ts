import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Said {
  readonly category: string;
  readonly message: string;
  readonly file: string;
}

/** What the linter, with the rules of this repository, says of files with these texts. */
function lint(files: Readonly<Record<string, string>>): Said[] {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-lint-'));
  try {
    for (const name of ['biome.json', '.gitignore']) cpSync(join(root, name), join(folder, name));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const { stdout } = spawnSync(
      join(root, 'node_modules/.bin/biome'),
      ['lint', '--reporter=json', '--max-diagnostics=none', '--diagnostic-level=error'],
      { cwd: folder, encoding: 'utf8' },
    );
    return JSON.parse(stdout).diagnostics.map(
      (said: { category: string; message: string; location: { path: string } }) => ({
        category: said.category,
        message: said.message,
        file: said.location.path,
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Room, import, and a part of what the linter says to it; undefined where it may stand. */
const IMPORTS: readonly (readonly [room: string, module: string, message: string | undefined])[] = [
  ['src/commands', '../action/log.ts', 'Commands know no door'],
  ['src/commands', '../terminal/terminal.ts', 'Commands know no door'],
  ['src/commands', '../worker/worker.ts', undefined],
  ['src/commands', '@supabase/postgrest-js', 'Only src/queue talks to Supabase'],
  ['src/worker', '../commands/create.ts', 'no command and no door'],
  ['src/worker', '../handlers/maintenance.ts', 'handlers/handler.ts'],
  ['src/worker', '../handlers/handler.ts', undefined],
  ['src/worker', '../queue/queue.ts', undefined],
  ['src/worker', '@supabase/supabase-js', 'Only src/queue talks to Supabase'],
  ['src/queue', '../worker/worker.ts', 'nobody above it'],
  ['src/queue', '../handlers/maintenance.ts', 'nobody above it'],
  ['src/queue', '@supabase/supabase-js', undefined],
  ['src/handlers', '../queue/queue.ts', 'what they need is passed in'],
  ['src/handlers', '../queue/types.ts', undefined],
  ['src/handlers', './handler.ts', undefined],
  ['src/handlers/custom', '../../worker/worker.ts', 'what they need is passed in'],
  ['src/handlers', '@supabase/supabase-js', 'Only src/queue talks to Supabase'],
  ['src/schedule', '../worker/worker.ts', 'nowhere used from here'],
  ['src/words', '../worker/verdict.ts', 'they use no room'],
  ['src/words', '../queue/types.ts', undefined],
  ['src/action', '../terminal/terminal.ts', 'neither the terminal'],
  ['src/action', '../commands/execute.ts', undefined],
  ['src/stack', '../queue/queue.ts', 'stands in for Supabase'],
  ['src', '@supabase/supabase-js', 'Only src/queue talks to Supabase'],
];

it('imports against the directions of the house are refused, of values and of types', () => {
  const files: Record<string, string> = {};
  IMPORTS.forEach(([room, module], index) => {
    files[`${room}/value-${index}.ts`] = `import { it } from '${module}';\n\nexport const used = it;\n`;
    files[`${room}/type-${index}.ts`] = `import type { It } from '${module}';\n\nexport type Used = It;\n`;
  });
  const said = lint(files);
  IMPORTS.forEach(([room, module, message], index) => {
    for (const kind of ['value', 'type']) {
      const mine = said.filter(({ file }) => file === `${room}/${kind}-${index}.ts`);
      const what = `${room} takes a ${kind} of ${module}`;
      if (message === undefined) expect(mine, what).toEqual([]);
      else
        expect(mine, what).toEqual([
          expect.objectContaining({
            category: 'lint/style/noRestrictedImports',
            message: expect.stringContaining(message),
          }),
        ]);
    }
  });
});

it('the doors alone read the environment', () => {
  const doors = ['src/main.ts', 'src/cli.ts', 'src/stack/main.ts', 'src/action/inputs.ts'];
  const others = [
    'src/queue/rpc.ts',
    'src/commands/show.ts',
    'src/worker/worker.ts',
    'src/terminal/terminal.ts',
  ];
  const text = 'export const home = process.env.HOME;\n';
  const said = lint(Object.fromEntries([...doors, ...others].map((path) => [path, text])));
  expect(said.map(({ file }) => file).sort()).toEqual(others.sort());
  expect(new Set(said.map(({ category }) => category))).toEqual(new Set(['lint/style/noProcessEnv']));
});

it('any is refused', () => {
  expect(lint({ 'src/queue/rpc.ts': 'export const it: any = 1;\n' })).toEqual([
    expect.objectContaining({ category: 'lint/suspicious/noExplicitAny' }),
  ]);
});
