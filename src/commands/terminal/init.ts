import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { describeError } from '../../text/describe-error.ts';
import { disarm } from '../../text/disarm.ts';
import { VERSION } from '../../version.ts';
import { type Env, setSecrets } from './gh-secrets.ts';
import { packageFile } from './package-file.ts';

/** `cloud-jobs init`: writes the workflows, a jobs file and a first handler into a user's repository. */

const HANDLERS = {
  js: [
    'hello.mjs',
    `// The config of the job comes in; what is returned is the result that is stored.
export default async (config, context) => {
  console.log(\`Hello \${config.who ?? 'there'}, attempt \${context.attempt}\`);
  return { greeted: config.who ?? 'there' };
};
`,
  ],
  ts: [
    // Not .ts, which is CommonJS in a package with "type": "commonjs", as npm init writes it.
    'hello.mts',
    `// The config of the job comes in; what is returned is the result that is stored.
export default async (config: { who?: string }) => {
  console.log(\`Hello \${config.who ?? 'there'}\`);
  return { greeted: config.who ?? 'there' };
};
`,
  ],
  python: [
    'hello.py',
    `# The job comes as JSON on standard input; the result goes to the file that CLOUD_JOBS_RESULT names.
import json
import os
import sys

job = json.load(sys.stdin)
who = job["config"].get("who", "there")
print(f"Hello {who}")
with open(os.environ["CLOUD_JOBS_RESULT"], "w") as result:
    json.dump({"greeted": who}, result)
`,
  ],
} as const;
type Language = keyof typeof HANDLERS;

const JOBS = `# The recurring jobs of this repository. Apply them: Actions > Manage jobs > apply.
jobs:
  hello:
    name: Say hello
    job-type: custom
    schedule: "0 6 * * *"
    timezone: UTC
    config: { handler: hello, who: world }
`;

export interface InitOptions {
  readonly folder: string;
  readonly language: Language;
  /** What stands behind \`uses:\`; the package's own repository and version unless given. */
  readonly uses: string | undefined;
}

interface GivenOptions {
  readonly language?: string;
  readonly uses?: string;
  readonly secrets?: boolean;
}

/** @param end takes the exit code */
export function initCommand(env: () => Env, end: (code: number) => void): Command {
  return new Command('init')
    .description('Write the workflows, a jobs file and a first handler into this repository.')
    .option('--language <js|ts|python>', 'Language of the handler. Default: js.')
    .option('--uses <owner/repository@ref>', 'The action that the workflows use. Default: this package.')
    .option('--secrets', 'Also set the two secrets of the repository with gh, from the environment or .env.')
    .exitOverride()
    .action(async ({ language = 'js', uses, secrets }: GivenOptions) => {
      try {
        if (!Object.hasOwn(HANDLERS, language))
          throw new Error(`--language is ${JSON.stringify(language)}, and must be js, ts or python.`);
        const lines = await init({ folder: '.', language: language as Language, uses });
        if (secrets) lines.push('', ...(await setSecrets(env())));
        process.stdout.write(`${disarm(lines.join('\n'))}\n`);
      } catch (error) {
        process.stderr.write(`Error: ${disarm(describeError(error))}\n`);
        end(1);
      }
    });
}

/** Writes what is not there yet. @returns what was written and what comes next, as lines for people */
export async function init({ folder, language, uses }: InitOptions): Promise<string[]> {
  const action = uses ?? (await ownAction());
  const [name, handler] = HANDLERS[language];
  const workflow = async (file: string): Promise<string> =>
    (await readFile(packageFile(`.github/workflows/${file}`), 'utf8'))
      .replace(/ Copy it into your repository.*/, '')
      .replaceAll(/uses: \.\/( #.*)?$/gm, `uses: ${action}`);
  const files = {
    '.github/workflows/run-jobs.yml': await workflow('run-jobs.yml'),
    '.github/workflows/manage-jobs.yml': await workflow('manage-jobs.yml'),
    '.github/cloud-jobs/jobs.yml': JOBS,
    [`.github/cloud-jobs/${name}`]: handler,
  };
  const lines: string[] = [];
  for (const [path, text] of Object.entries(files)) {
    // Absolute, which fails if the working folder is gone. With a relative path, Node's mkdir then never ends.
    const target = resolve(folder, path);
    await mkdir(dirname(target), { recursive: true });
    try {
      await writeFile(target, text, { flag: 'wx' });
      lines.push(`wrote  ${path}`);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      lines.push(`kept   ${path}, which was there`);
    }
  }
  return [
    ...lines,
    '',
    'Next:',
    `1. Install the schema: paste ${relative('.', packageFile('sql/install.sql'))} into the Supabase SQL Editor,`,
    '   or run npx cloud-jobs install.',
    '2. Add two secrets to the repository: gh secret set SUPABASE_URL, gh secret set SUPABASE_SECRET_KEY,',
    '   or run npx cloud-jobs init --secrets.',
    '3. Commit and push to the default branch, then run the workflow Manage jobs with the command apply.',
  ];
}

/** The action of this package's own repository, at its version. */
async function ownAction(): Promise<string> {
  const { repository } = JSON.parse(await readFile(packageFile('package.json'), 'utf8'));
  const url: unknown = typeof repository === 'string' ? repository : repository?.url;
  const slug = /(?:github\.com[/:]|^github:|^)([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(String(url ?? ''))?.[1];
  if (slug === undefined)
    throw new Error('This package does not name its repository. Give --uses owner/repository@ref.');
  return `${slug}@v${VERSION}`;
}
