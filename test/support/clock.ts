import { readFileSync } from 'node:fs';
import { startTestProject, type TestProject } from './stack.ts';

/** A project whose clock the test sets: every `now()` of the schema reads it. Ids and Postgres' own clock go on. */
export interface ClockProject extends TestProject {
  /** Milliseconds since 1970. */
  setClock(at: number): Promise<void>;
}

const CLOCK = `
  create schema clock;
  create table clock.hand (at timestamptz not null);
  insert into clock.hand values (now());
  create function clock.now() returns timestamptz language sql stable set search_path = '' as 'select at from clock.hand';
  grant usage on schema clock to anon, authenticated, service_role;
  grant select on clock.hand to anon, authenticated, service_role;`;

/** Starts a project with the schema of sql/install.sql on a clock of its own. Call `stop()` when done. */
export async function startClockProject(): Promise<ClockProject> {
  const project = await startTestProject({ install: false });
  const install = readFileSync(new URL('../../sql/install.sql', import.meta.url), 'utf8');
  await project.asPostgres(CLOCK);
  await project.asPostgres(install.replaceAll(/(?<![\w.])now\(\)/g, 'clock.now()'));
  return Object.defineProperties({} as ClockProject, {
    ...Object.getOwnPropertyDescriptors(project),
    ...Object.getOwnPropertyDescriptors({
      async setClock(at: number) {
        await project.sql('update clock.hand set at = $1', [new Date(at)]);
      },
    }),
  });
}
