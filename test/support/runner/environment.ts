import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** The files by which a step talks to the runner, and the folders it gets. Absolute paths. */
export interface StepFiles {
  readonly output: string;
  readonly state: string;
  readonly env: string;
  readonly path: string;
  readonly summary: string;
  readonly temp: string;
  readonly workspace: string;
}

/** Makes the files, empty as the runner does, and the folders of one step inside `folder`. */
export function makeStepFiles(folder: string): StepFiles {
  const commands = join(folder, '_runner_file_commands');
  const [temp, workspace] = [join(folder, '_temp'), join(folder, 'workspace')];
  for (const made of [commands, temp, workspace]) mkdirSync(made, { recursive: true });
  const file = (name: string): string => {
    const path = join(commands, name);
    writeFileSync(path, '');
    return path;
  };
  return {
    output: file('set_output'),
    state: file('save_state'),
    env: file('set_env'),
    path: file('add_path'),
    summary: file('step_summary'),
    temp,
    workspace,
  };
}

/** The parts of action.yml that decide how it is run. */
export interface ActionManifest {
  /** Every input with its default; an empty text where there is none. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The file to run, relative to action.yml. */
  readonly main: string;
}

export function readManifest(path: string | URL): ActionManifest {
  const manifest = parse(readFileSync(path, 'utf8')) as {
    readonly inputs: Readonly<Record<string, { readonly default?: unknown } | null>>;
    readonly runs: { readonly main: string };
  };
  const inputs = Object.entries(manifest.inputs).map(([name, input]) => [name, String(input?.default ?? '')]);
  return { inputs: Object.fromEntries(inputs), main: manifest.runs.main };
}

/**
 * The inputs as the runner passes them: `INPUT_` and the name in upper case, spaces as `_`, hyphens kept. An input
 * that nobody set is there with its default, or empty.
 */
export function inputVariables(
  manifest: ActionManifest,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const named = Object.entries({ ...manifest.inputs, ...given });
  return Object.fromEntries(
    named.map(([name, value]) => [`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`, value]),
  );
}

/**
 * What GitHub's runner puts into the environment of a step, with invented values: a run of a schedule in the
 * repository octo/consumer.
 * Source: https://docs.github.com/actions/reference/workflows-and-actions/variables
 */
export function runnerVariables(files: StepFiles, trackingId: string): Record<string, string> {
  return {
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTION: '__cloud-jobs',
    GITHUB_ACTOR: 'octocat',
    GITHUB_API_URL: 'https://api.github.com',
    GITHUB_EVENT_NAME: 'schedule',
    GITHUB_GRAPHQL_URL: 'https://api.github.com/graphql',
    GITHUB_JOB: 'run',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_REF_NAME: 'main',
    GITHUB_REF_TYPE: 'branch',
    GITHUB_REPOSITORY: 'octo/consumer',
    GITHUB_REPOSITORY_OWNER: 'octo',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_RUN_ID: '42',
    GITHUB_RUN_NUMBER: '7',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
    GITHUB_WORKFLOW: 'Run jobs',
    GITHUB_WORKSPACE: files.workspace,
    GITHUB_OUTPUT: files.output,
    GITHUB_STATE: files.state,
    GITHUB_ENV: files.env,
    GITHUB_PATH: files.path,
    GITHUB_STEP_SUMMARY: files.summary,
    RUNNER_ARCH: 'X64',
    RUNNER_ENVIRONMENT: 'github-hosted',
    RUNNER_NAME: 'GitHub Actions 1',
    RUNNER_OS: 'Linux',
    RUNNER_TEMP: files.temp,
    RUNNER_TRACKING_ID: trackingId,
    ACTIONS_RUNTIME_TOKEN: 'a-token-of-the-runner',
    ACTIONS_RUNTIME_URL: 'https://pipelines.actions.githubusercontent.com/x/',
    ACTIONS_RESULTS_URL: 'https://results-receiver.actions.githubusercontent.com/',
    ACTIONS_CACHE_URL: 'https://acghubeus1.actions.githubusercontent.com/x/',
  };
}

/**
 * The `name=value` and `name<<delimiter` blocks of an output, state or env file.
 * @throws Error on a line that the runner would refuse
 */
export function readCommandFile(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = text.split(/\r\n|\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    if (line === '') continue;
    const heredoc = /^([^=<]+)<<(.+)$/.exec(line);
    if (heredoc === null) {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`The runner does not understand this line: ${line}`);
      values[name] = value ?? '';
      continue;
    }
    const end = lines.indexOf(heredoc[2] ?? '', at + 1);
    if (end === -1) throw new Error(`The delimiter ${heredoc[2]} does not come again.`);
    values[heredoc[1] ?? ''] = lines.slice(at + 1, end).join('\n');
    at = end;
  }
  return values;
}
