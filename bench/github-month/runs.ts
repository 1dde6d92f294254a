import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runAction } from '../../src/hosts/github-action.ts';
import {
  inputVariables,
  makeStepFiles,
  readManifest,
  runnerVariables,
} from '../../test/support/runner/environment.ts';
import { runStep } from '../../test/support/runner/step.ts';
import type { Place } from './place.ts';

const ROOT = new URL('../../', import.meta.url);
const MANIFEST = readManifest(new URL('action.yml', ROOT));
const HANDLERS = fileURLToPath(new URL('./handlers', import.meta.url));
const BUNDLE = fileURLToPath(new URL('dist', ROOT));

/** Runs the action on GitHub's event with these inputs. @returns its log */
export interface Runner extends Disposable {
  run(
    event: string | { readonly schedule: string },
    inputs: Readonly<Record<string, string>>,
  ): Promise<string>;
}

/**
 * The action as GitHub's runner starts it: with the event, the variables of a run, and inputs.
 * @param packaged as a process of its own from dist/, as on GitHub; otherwise the same code in this process, which is
 *   ten times faster
 */
export function openRunner(place: Place, packaged: boolean): Runner {
  const folder = mkdtempSync(join(tmpdir(), 'cloud-jobs-month-'));
  const eventFile = join(folder, 'event.json');
  const files = makeStepFiles(folder);
  let runs = 0;
  return {
    async run(event, inputs) {
      runs++;
      writeFileSync(eventFile, JSON.stringify(typeof event === 'string' ? {} : event));
      const given = {
        'supabase-url': place.url,
        'supabase-key': place.secretKey,
        handlers: HANDLERS,
        ...inputs,
      };
      const env = {
        GITHUB_EVENT_NAME: typeof event === 'string' ? event : 'schedule',
        GITHUB_EVENT_PATH: eventFile,
        GITHUB_RUN_ID: String(runs),
        GITHUB_WORKSPACE: files.workspace,
      };
      let log = '';
      let code: number | null;
      if (packaged) {
        ({ code, shown: log } = await runStep(given, env));
      } else {
        const write = process.stdout.write;
        // The action prints to this process.
        process.stdout.write = (text: unknown) => {
          log += String(text);
          return true;
        };
        code = await runAction({
          // Without the files of outputs and summary: the toolkit would look for them in this process.
          env: {
            PATH: process.env.PATH,
            ...runnerVariables(files, 'month'),
            GITHUB_OUTPUT: '',
            GITHUB_STEP_SUMMARY: '',
            ...env,
            ...inputVariables(MANIFEST, given),
          },
          stop: new AbortController().signal,
          bundleDir: BUNDLE,
        }).finally(() => {
          process.stdout.write = write;
        });
      }
      if (code !== 0 || /^::error/m.test(log)) throw new Error(`A run ended with ${code}:\n${log}`);
      return log;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
