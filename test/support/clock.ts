import { readFileSync } from 'node:fs';
import { CLOCK, onClock } from './clock-sql.ts';
import { startTestProject, type TestProject } from './stack.ts';

/** A project whose clock the test sets: every `now()` of the schema reads it. Ids and Postgres' own clock go on. */
export interface ClockProject extends TestProject {
  /** Milliseconds since 1970. */
  setClock(at: number): Promise<void>;
}

/** Starts a project with the schema of sql/install.sql on a clock of its own. Call `stop()` when done. */
export async function startClockProject(): Promise<ClockProject> {
  const project = await startTestProject({ install: false });
  const install = readFileSync(new URL('../../sql/install.sql', import.meta.url), 'utf8');
  await project.asPostgres(CLOCK);
  await project.asPostgres(onClock(install));
  return Object.defineProperties({} as ClockProject, {
    ...Object.getOwnPropertyDescriptors(project),
    ...Object.getOwnPropertyDescriptors({
      async setClock(at: number) {
        await project.sql('update clock.hand set at = $1', [new Date(at)]);
      },
    }),
  });
}
