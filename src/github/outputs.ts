import * as core from '@actions/core';
import { executionJson } from '../commands/run-json.ts';
import { describeError } from '../text/describe-error.ts';
import type { RunReport } from '../worker/report.ts';

/**
 * The outputs of the action by name. `jobs`, `stats`, `executions` and `result-files` are JSON texts; the two with
 * `-truncated` say whether items were left out of `jobs` or `executions`.
 */
export const OUTPUTS = [
  'claimed',
  'succeeded',
  'failed',
  'retried',
  'remaining',
  'job-id',
  'jobs',
  'jobs-truncated',
  'stats',
  'executions',
  'executions-truncated',
  'result-files',
  'workers',
  'matrix',
] as const;

export interface Outputs {
  readonly claimed?: number;
  readonly succeeded?: number;
  readonly failed?: number;
  readonly retried?: number;
  /** Null (it could not be asked) gives an empty output. */
  readonly remaining?: number | null;
  readonly 'job-id'?: string;
  readonly jobs?: readonly unknown[];
  readonly stats?: unknown;
  readonly executions?: readonly unknown[];
  readonly 'result-files'?: readonly unknown[];
  readonly workers?: number;
  /**
   * The workers, for `strategy.matrix`. A list, not an object: a secret with JSON on several lines makes GitHub mask
   * each line, such as a brace, and drop every job output that holds it.
   */
  readonly matrix?: readonly number[];
}

/**
 * The most characters of all JSON outputs together. GitHub allows 1 MB per job, sized as UTF-16, so about 500,000
 * characters, and other steps of the job need some of them.
 * Source: https://docs.github.com/actions/reference/limits
 */
export const OUTPUT_LIMIT = 400_000;

export interface EncodedOutputs {
  readonly values: readonly (readonly [name: string, value: string])[];
  /** What was left out, if something was. */
  readonly warnings: readonly string[];
}

/** Outputs as text, secrets hidden, cut from the end where they are too large. */
export function encodeOutputs(outputs: Outputs, redact: <T>(value: T) => T): EncodedOutputs {
  const values: [string, string][] = [];
  const warnings: string[] = [];
  let left = OUTPUT_LIMIT;

  for (const name of [
    'claimed',
    'succeeded',
    'failed',
    'retried',
    'remaining',
    'job-id',
    'workers',
  ] as const) {
    const value = outputs[name];
    if (value !== undefined && value !== null) values.push([name, redact(String(value))]);
  }
  if (outputs.matrix !== undefined) values.push(['matrix', JSON.stringify(outputs.matrix)]);
  if (outputs.stats !== undefined) {
    const text = JSON.stringify(redact(outputs.stats)) ?? 'null';
    if (text.length <= left) {
      values.push(['stats', text]);
      left -= text.length;
    } else {
      warnings.push(`The output \`stats\` is left out: it has ${text.length} characters, more than ${left}.`);
    }
  }
  for (const name of ['result-files', 'executions', 'jobs'] as const) {
    const items = outputs[name];
    if (items === undefined) continue;
    const { text, kept } = encodeList(items, left, redact);
    left -= text.length;
    values.push([name, text]);
    if (name !== 'result-files') values.push([`${name}-truncated`, String(kept < items.length)]);
    if (kept < items.length) {
      warnings.push(
        `The output \`${name}\` holds only the first ${kept} of ${items.length}: GitHub limits the outputs of a job to 1 MB. The rest is in the database.`,
      );
    }
  }
  return { values, warnings };
}

function encodeList(
  items: readonly unknown[],
  limit: number,
  redact: <T>(value: T) => T,
): { text: string; kept: number } {
  const texts: string[] = [];
  let length = 2;
  for (const item of items) {
    const text = JSON.stringify(redact(item)) ?? 'null';
    length += text.length + 1;
    if (length > limit) break;
    texts.push(text);
  }
  return { text: `[${texts.join(',')}]`, kept: texts.length };
}

/** The outputs of `run`. */
export function runOutputs(report: RunReport): Outputs {
  return {
    claimed: report.claimed,
    succeeded: report.succeeded,
    failed: report.failed,
    retried: report.retried,
    remaining: report.remaining,
    executions: report.executions.map(executionJson),
    'result-files': report.executions
      .filter((execution) => execution.resultFile !== null)
      .map(({ jobId, executionId, resultFile }) => ({
        job_id: jobId,
        execution_id: executionId,
        path: resultFile,
      })),
  };
}

/** An output could not be written to the file that the runner reads. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/**
 * Writes outputs to the file that the runner reads. Does nothing outside of a runner.
 * @param env the environment of this process, where `@actions/core` looks as well
 * @returns what was left out, to be logged as warnings
 * @throws OutputError that names the output
 */
export function writeOutputs(
  outputs: Outputs,
  env: Readonly<Record<string, string | undefined>>,
  redact: <T>(value: T) => T,
): readonly string[] {
  const { values, warnings } = encodeOutputs(outputs, redact);
  if (!env.GITHUB_OUTPUT) return warnings;
  for (const [name, value] of values) {
    try {
      core.setOutput(name, value);
    } catch (cause) {
      throw new OutputError(`The output \`${name}\` could not be written: ${describeError(cause)}`, {
        cause,
      });
    }
  }
  return warnings;
}
