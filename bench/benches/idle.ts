import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Context } from '../lib/bench.ts';
import type { Result } from '../lib/result.ts';
import { interleave, median, ratios } from '../lib/stats.ts';

const ACTION = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
/** Tells the process's own largest resident size, in KiB, at its end; proc(5) has it without that of the parent. */
const TELL_PEAK = `import { readFileSync, writeSync } from 'node:fs';
  process.on('exit', () => writeSync(3, /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]));`;

export const idle: Bench = {
  title: 'dist/index.js run with nothing due, beside bare node',
  async measure(context) {
    const files = await mkdtemp(join(tmpdir(), 'cloud-jobs-idle-'));
    try {
      return await measure(context, files);
    } finally {
      await rm(files, { recursive: true });
    }
  },
};

async function measure({ stack, short }: Context, files: string): Promise<Omit<Result, 'bench' | 'title'>> {
  await stack.reset();
  // The runner gives both to every step: what it takes to write them is part of a run.
  const [outputs, summary] = [join(files, 'outputs'), join(files, 'summary')];
  for (const file of [outputs, summary]) await writeFile(file, '');
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    INPUT_COMMAND: 'run',
    'INPUT_SUPABASE-URL': stack.project.url,
    'INPUT_SUPABASE-KEY': stack.project.serviceKey,
    GITHUB_OUTPUT: outputs,
    GITHUB_STEP_SUMMARY: summary,
  };
  const samples = await interleave(short ? 9 : 21, {
    bare: () => time(['-e', '0'], env),
    run: () => time([ACTION], env),
  });
  let requests = 0;
  stack.project.setFaults(() => {
    requests++;
    return undefined;
  });
  await time([ACTION], env);
  stack.project.setFaults(undefined);
  const peaks = await interleave(3, {
    bare: () => peak(['-e', '0'], env),
    run: () => peak([ACTION], env),
  });
  return {
    rows: [
      { label: 'node -e 0', unit: 'ms', values: samples.bare ?? [] },
      { label: 'an idle run', unit: 'ms', values: samples.run ?? [] },
      { label: 'node -e 0, peak memory', unit: 'MiB', values: peaks.bare ?? [] },
      { label: 'an idle run, peak memory', unit: 'MiB', values: peaks.run ?? [] },
      { label: 'an idle run, HTTP requests', unit: 'requests', values: [requests] },
    ],
    goals: [
      {
        text: 'wall time to that of bare node, pair by pair',
        value: median(ratios(samples.run ?? [], samples.bare ?? [])),
        limit: 3,
        sense: 'at most',
      },
      { text: 'HTTP requests', value: requests, limit: 1, sense: 'at most' },
      {
        text: 'MiB of memory more than bare node',
        value: median(peaks.run ?? []) - median(peaks.bare ?? []),
        limit: 40,
        sense: 'at most',
      },
    ],
  };
}

/** Wall time of a process, in milliseconds. @throws Error when it fails */
async function time(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with exit code ${code}.`);
  return performance.now() - started;
}

/** The largest resident size of a process, in MiB. */
async function peak(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const told = ['--import', `data:text/javascript,${encodeURIComponent(TELL_PEAK)}`, ...args];
  const child = spawn(process.execPath, told, { env, stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  let text = '';
  child.stdio[3]?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  await new Promise((resolve) => child.on('close', resolve));
  return Number(text) / 1024;
}
