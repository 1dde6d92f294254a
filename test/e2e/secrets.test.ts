/** Secrets that handlers declare or print, through the packaged action: log, summary, outputs and rows are looked at. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStep, type StepResult } from '../support/runner.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { makeWorkspace, type Workspace } from '../support/workspace.ts';

const SECRET = 'TOPSECRET-abcdefghijklmnopqrstuvwxyz-0123456789';
/** The secret, with its end just behind a place where a text is cut. */
const across = (limit: number, mark = 'x'): string => mark.repeat(limit - SECRET.length + 1) + SECRET;
/** Where texts are cut: lines, notes, messages, lines of an error, quoted results, details, and the guards above them. */
const LIMITS = [200, 500, 1_000, 1_024, 4_000, 4_096, 8_000, 8_192, 16_384, 65_536, 262_144];

const HANDLERS: Readonly<Record<string, string>> = {
  '.github/cloud-jobs/edges.mjs': `export default ({ limit, lead, parts }, context) => {
      const secret = parts.join('');
      context.secret(secret);
      const text = (mark) => mark.repeat(limit - secret.length + 1 - lead) + secret;
      console.log(text('o'));
      console.error(text('e'));
      context.progress(1, 2, text('n'));
      throw Object.assign(new Error(text('m')), { code: text('c') });
    };`,
  '.github/cloud-jobs/snoozes.mjs': `export default ({ limit, parts }, context) => {
      const secret = parts.join('');
      context.secret(secret);
      return context.discard('r'.repeat(limit - secret.length + 1) + secret);
    };`,
  '.github/cloud-jobs/edges.py': `import json, os, sys
given = json.load(sys.stdin)["config"]
secret = "".join(given["parts"])
print("::add-mask::" + secret, flush=True)
text = lambda mark: mark * (given["limit"] - len(secret) + 1) + secret
print(text("o"))
print(text("e"), file=sys.stderr, flush=True)
with open(os.environ["CLOUD_JOBS_PROGRESS"], "w") as progress: progress.write("1/2 " + text("n") + "\\n")
with open(os.environ["CLOUD_JOBS_RESULT"], "w") as result: result.write(text("r"))
sys.exit(given["code"])`,
  '.github/cloud-jobs/masks.mjs': `export default ({ lines, parts }) => {
      for (const line of lines) console.log(line.replace('SECRET', parts.join('')));
      return { said: parts.join('') };
    };`,
  '.github/cloud-jobs/number.mjs': `export default ({ parts }, { secret }) => {
      secret(parts.join(''));
      return { account: Number(parts.join('')), others: [1, 987654] };
    };`,
  '.github/cloud-jobs/short.mjs': `export default (config, { secret }) => { secret('1234'); };`,
  '.github/cloud-jobs/env.mjs': `export default ({ parts }) => {
      const key = [...parts].reverse().join('');
      return Object.entries(process.env).filter(([, value]) => value.includes(key)).map(([name]) => name);
    };`,
};

let project: TestProject;
let workspace: Workspace;
beforeAll(async () => {
  project = await startTestProject();
  workspace = makeWorkspace(HANDLERS);
});
afterAll(async () => {
  await project?.stop();
  workspace?.remove();
});

const half = (text: string): string[] => [text.slice(0, text.length / 2), text.slice(text.length / 2)];

async function run(
  jobs: readonly object[],
  env: Record<string, string> = {},
): Promise<StepResult & { rows: string }> {
  await project.sql('truncate cloud_jobs cascade');
  const { error } = await project.client().rpc('cloud_jobs_enqueue', {
    items_param: jobs.map((config, n) => ({ name: `n${n}`, job_type: 'custom', max_retries: 0, config })),
  });
  expect(error).toBeNull();
  const step = await runStep(
    {
      'supabase-url': project.url,
      'supabase-key': project.secretKey,
      command: 'run',
      handlers: workspace.path('.github/cloud-jobs'),
      'fail-on': 'never',
    },
    env,
  );
  const rows = await project.sql(
    `select to_jsonb(e) || jsonb_build_object('job', to_jsonb(j) - 'config') as row
     from cloud_job_executions e join cloud_jobs j using (job_id)`,
  );
  return { ...step, rows: JSON.stringify(rows) };
}
/** The parts of the secret that can be seen where none may be. */
function seen({ log, summary, outputs, rows }: StepResult & { rows: string }, secret = SECRET): string[] {
  // The runner removes the value of add-mask itself from the log.
  const places = {
    log: log.replaceAll(/^::add-mask::.*$/gm, ''),
    summary: summary ?? '',
    outputs: JSON.stringify(outputs),
    rows,
  };
  const found: string[] = [];
  for (const [place, text] of Object.entries(places)) {
    for (let at = 0; at + 10 <= secret.length; at++) {
      if (text.includes(secret.slice(at, at + 10))) found.push(`${place}: ${secret.slice(at, at + 10)}`);
    }
  }
  return found;
}

describe('half a secret is shown nowhere, where a text is cut', () => {
  it('JavaScript', { timeout: 60_000 }, async () => {
    const parts = half(SECRET);
    const step = await run(
      LIMITS.flatMap((limit) => [
        { handler: 'edges', limit, lead: 0, parts },
        { handler: 'edges', limit, lead: 20, parts },
        { handler: 'snoozes', limit, parts },
      ]),
    );
    expect(step.outputs.claimed).toBe(String(LIMITS.length * 3));
    expect(step.rows).toContain('***');
    expect(seen(step)).toEqual([]);
  });

  it('executables', { timeout: 60_000 }, async () => {
    const parts = half(SECRET);
    const step = await run(
      LIMITS.flatMap((limit) => [0, 3, 75].map((code) => ({ handler: 'edges.py', limit, parts, code }))),
    );
    expect(step.outputs.claimed).toBe(String(LIMITS.length * 3));
    expect(seen(step)).toEqual([]);
  });

  it('the check itself sees a half', () => {
    const cut = across(1_000).slice(0, 1_000);
    expect(seen({ log: cut, summary: '', outputs: {}, rows: '' } as never)).not.toEqual([]);
  });
});

it.each([
  ['as @actions/core prints it', '::add-mask::SECRET'],
  ['with blanks before it', '  ::add-mask::SECRET'],
  ['in another case', '::Add-Mask::SECRET'],
  ['in the older form', '##[add-mask]SECRET'],
])('obeys and hides a masking line of a JavaScript handler, %s', async (_, line) => {
  const step = await run([{ handler: 'masks', lines: [line, 'then SECRET'], parts: half(SECRET) }]);
  expect(step.outputs.succeeded).toBe('1');
  expect(step.log).toContain('then ***');
  expect(step.log).toContain(`::add-mask::${SECRET}`);
  expect(seen(step)).toEqual([]);
});

it('a mask with what a command cannot hold is read as the runner reads it', async () => {
  const step = await run([
    {
      handler: 'masks',
      lines: [
        '::add-mask::first-line-of-it%25%0Asecond-line-of-it',
        'a first-line-of-it%',
        'b second-line-of-it',
      ],
      parts: [],
    },
  ]);
  expect(step.log).toContain('a ***');
  expect(step.log).toContain('b ***');
});

it('hides a numeric secret as a number too, and no other number', async () => {
  const step = await run([{ handler: 'number', parts: ['98765', '4321098'] }]);
  expect(seen(step, '987654321098')).toEqual([]);
  expect(step.rows).toContain('"result":{"others":[1,987654],"account":"***"}');
});

it('warns about one that is too short to be hidden', async () => {
  const step = await run([{ handler: 'short' }]);
  expect(step.log).toContain('context.secret hides values of 6 characters and more');
});

it("keeps the project's key out of a handler's environment", async () => {
  const key = [...project.secretKey].reverse().join('');
  const step = await run([{ handler: 'env', parts: [key] }], {
    SUPABASE_SECRET_KEY: project.secretKey,
    DB_KEY: ` ${project.secretKey}\n`,
  });
  expect(step.rows).toContain('"result":[]');
});
