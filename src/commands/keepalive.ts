/**
 * Keeps the schedules of a repository alive. GitHub switches them off after 60 days without activity; enabling a workflow
 * restarts its 60 days.
 */
import { parse } from 'yaml';
import type { GitHub } from './github-repository.ts';
import { switchOff } from './liveness.ts';

/** A file of `.github/workflows` in the workspace. */
export interface WorkflowFile {
  readonly name: string;
  readonly text: string;
}

/** States in which a workflow may be enabled. One that a person switched off stays off. */
const MAY_ENABLE: ReadonlySet<string> = new Set(['active', 'disabled_inactivity']);
/** The action, its reusable workflow, or the action in its own repository. */
const USES_CLOUD_JOBS = /\buses:\s*["']?(?:[\w.-]+\/cloud-jobs(?:\/[^\s@]*)?@|\.\/["']?\s*(?:#|$))/m;

/**
 * Enables the workflow that runs and every other one that runs cloud-jobs by a schedule.
 * @param files the workflows of the workspace; empty without a checkout
 * @returns a warning if GitHub is about to switch off the schedule of another workflow
 */
export async function keepAlive(
  github: GitHub & { readonly workflowFile: string },
  files: readonly WorkflowFile[],
  now: Date,
): Promise<string[]> {
  await github.enable(github.workflowFile);
  const scheduled = files.filter(({ name, text }) => name !== github.workflowFile && hasSchedule(text));
  const ours = scheduled.filter(({ text }) => USES_CLOUD_JOBS.test(text)).map(({ name }) => name);
  if (ours.length > 0) {
    const workflows = await github.workflows();
    for (const name of ours) {
      const state = workflows.find(({ path }) => path.endsWith(`/${name}`))?.state ?? '';
      if (MAY_ENABLE.has(state)) await github.enable(name);
    }
  }
  const others = scheduled.map(({ name }) => name).filter((name) => !ours.includes(name));
  if (others.length === 0) return [];
  const near = switchOff(await github.about(), now);
  return near === null ? [] : [`${near} keepalive does not reach ${others.join(', ')}: push something.`];
}

function hasSchedule(text: string): boolean {
  try {
    const workflow: unknown = parse(text);
    const { on } = Object(workflow) as { readonly on?: unknown };
    return Object.hasOwn(Object(on), 'schedule');
  } catch {
    // GitHub runs no file that is not YAML.
    return false;
  }
}
