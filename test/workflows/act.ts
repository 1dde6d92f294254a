import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Repository } from '../support/repository.ts';

export interface WorkflowRun {
  /** Whether act ended with 0: all of its jobs succeeded or were skipped. */
  readonly succeeded: boolean;
  /** Result of each job that ran, by its id; a job whose `if` was false is not in it. */
  readonly jobs: Readonly<Record<string, string>>;
  /** How often each job ran: as often as its matrix says. */
  readonly starts: Readonly<Record<string, number>>;
  /** Outputs of the steps of all jobs, by name; the last one wins. */
  readonly outputs: Readonly<Record<string, string>>;
  /** What all steps wrote into the job summary, as Markdown. */
  readonly summary: string;
  /** What the steps printed. */
  readonly log: string;
}

export interface RunOptions {
  readonly secrets: Readonly<Record<string, string>>;
  /** Actions and reusable workflows of other repositories: `owner/name@ref` and the folder that stands for it. */
  readonly remotes?: Readonly<Record<string, string>>;
  /** The repository is a fork. Default: false. */
  readonly fork?: boolean;
}

/** An event as GitHub passes it to a workflow. */
export type Event =
  | { readonly name: 'schedule' }
  | { readonly name: 'repository_dispatch'; readonly action: string }
  | { readonly name: 'workflow_dispatch'; readonly inputs?: Readonly<Record<string, string | boolean>> };

const Line = z.looseObject({
  msg: z.string().default(''),
  jobID: z.string().optional(),
  jobResult: z.string().optional(),
  command: z.string().optional(),
  name: z.string().optional(),
  arg: z.string().optional(),
  content: z.string().optional(),
  raw_output: z.boolean().optional(),
});

/**
 * Runs a workflow of a repository with nektos/act in host mode, without the network: each step is a process of this
 * machine, `actions/checkout` of the repository itself is a copy, other actions come from `remotes`.
 * @param file path of the workflow inside the repository.
 * @throws Error when GitHub would refuse the event (inputs that the workflow does not have or that do not fit), or when
 * act is not there: name its path in the variable ACT.
 */
export async function runWorkflow(
  repository: Repository,
  file: string,
  event: Event,
  options: RunOptions,
): Promise<WorkflowRun> {
  if (event.name === 'workflow_dispatch') {
    refuse(readFileSync(join(repository.folder, file), 'utf8'), event.inputs ?? {});
  }
  const scratch = mkdtempSync(join(dirname(repository.folder), 'act-'));
  // Files of these endings are read as JSON and YAML, whose quoting has no surprises.
  const [payload, secrets] = [join(scratch, 'event.json'), join(scratch, 'secrets.yml')];
  writeFileSync(payload, JSON.stringify(payloadOf(repository, file, event, options.fork ?? false)));
  writeFileSync(secrets, JSON.stringify(options.secrets));
  const args = [
    event.name,
    ...['--workflows', file, '--eventpath', payload, '--secret-file', secrets],
    ...['--platform', 'ubuntu-latest=-self-hosted', '--platform', 'ubuntu-slim=-self-hosted'],
    ...['--defaultbranch', 'main', '--env-file', '', '--var-file', '', '--input-file', ''],
    ...['--json', '--no-cache-server', '--action-offline-mode', '--concurrent-jobs', '2'],
    ...Object.entries(options.remotes ?? {}).flatMap(([key, folder]) => [
      '--local-repository',
      `${key}=${folder}`,
    ]),
  ];
  const env = {
    // act runs whatever `node` comes first; GitHub's runner brings Node 24.
    PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: scratch,
    XDG_CACHE_HOME: join(scratch, 'cache'),
    LANG: 'C.UTF-8',
  };
  try {
    const { code, text } = await run(process.env.ACT ?? 'act', args, repository.folder, env);
    return { succeeded: code === 0, ...read(text) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const Dispatch = z.object({
  type: z.enum(['string', 'choice', 'boolean', 'number', 'environment']).default('string'),
  options: z.array(z.string()).default([]),
  required: z.boolean().default(false),
});

/** What GitHub answers with HTTP 422, and act lets pass. */
function refuse(workflow: string, inputs: Readonly<Record<string, string | boolean>>): void {
  const declared = z.record(z.string(), Dispatch).parse(parse(workflow).on?.workflow_dispatch?.inputs ?? {});
  if (Object.keys(declared).length > 25) throw new Error('A workflow may have 25 inputs at most.');
  for (const [name, { required }] of Object.entries(declared)) {
    if (required && inputs[name] === undefined) throw new Error(`Required input ${name} is not given.`);
  }
  for (const [name, value] of Object.entries(inputs)) {
    const input = declared[name];
    if (!input) throw new Error(`Unexpected input ${name}.`);
    const fits = {
      choice: input.options.includes(String(value)),
      boolean: ['true', 'false'].includes(String(value)),
      number: value !== '' && Number.isFinite(Number(value)),
      environment: typeof value === 'string',
      string: typeof value === 'string',
    };
    if (!fits[input.type]) throw new Error(`Input ${name} is a ${input.type}; "${value}" does not fit.`);
  }
  if (JSON.stringify(inputs).length > 65_535)
    throw new Error('The inputs are longer than 65,535 characters.');
}

function payloadOf(repository: Repository, file: string, event: Event, fork: boolean): object {
  const about = { default_branch: 'main', fork, full_name: repository.name };
  switch (event.name) {
    // No repository: GitHub has left it out of this event.
    case 'schedule':
      return { schedule: '3-59/5 * * * *', workflow: file };
    case 'repository_dispatch':
      return { action: event.action, branch: 'main', client_payload: {}, repository: about };
    case 'workflow_dispatch':
      return { ref: repository.ref, workflow: file, inputs: event.inputs ?? {}, repository: about };
  }
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string>,
): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (data: string) => {
        text += data;
      });
    }
    child.on('error', (cause) =>
      reject(
        new Error(
          `Cannot start act (${command}). Install it (go install github.com/nektos/act) and name it in the variable ACT.`,
          { cause },
        ),
      ),
    );
    child.on('close', (code) => resolve({ code, text }));
  });
}

/** Reads act's log: a line of JSON for each thing that happened. */
function read(text: string): Omit<WorkflowRun, 'succeeded'> {
  const jobs: Record<string, string> = {};
  const starts: Record<string, number> = {};
  const outputs: Record<string, string> = {};
  const [summary, log]: [string[], string[]] = [[], []];
  for (const line of text.split('\n').filter(Boolean)) {
    const said = line.startsWith('{') ? Line.parse(JSON.parse(line)) : { msg: line };
    if ('jobID' in said && said.jobID && said.jobResult) {
      jobs[said.jobID] = said.jobResult;
      starts[said.jobID] = (starts[said.jobID] ?? 0) + 1;
    }
    if ('command' in said && said.command === 'set-output' && said.name) outputs[said.name] = said.arg ?? '';
    if ('command' in said && said.command === 'summary') summary.push(said.content ?? '');
    log.push(said.msg.trimEnd());
  }
  return { jobs, starts, outputs, summary: summary.join('\n'), log: log.join('\n') };
}
