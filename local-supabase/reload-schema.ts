import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { runSql } from './database.ts';

/**
 * Makes PostgREST reload its schema cache and waits until it has.
 *
 * PostgREST does not say when it has reloaded. A function that comes and goes shows it: once it has been seen to
 * go, the cache is younger than everything before, and nothing is left over.
 * @throws Error when that takes longer than 10 s.
 */
export async function reloadSchema(adminUrl: string, projectUrl: string, serviceKey: string): Promise<void> {
  const name = `stack_probe_${randomBytes(6).toString('hex')}`;
  const until = async (wanted: (status: number, body: string) => boolean) => {
    const deadline = Date.now() + 10_000;
    while (Date.now() < deadline) {
      const reply = await fetch(`${projectUrl}/rest/v1/rpc/${name}`, {
        headers: { apikey: serviceKey },
      });
      if (wanted(reply.status, await reply.text())) return;
      await delay(10);
    }
    throw new Error('PostgREST did not reload its schema cache within 10 s.');
  };
  const reload = `notify pgrst, 'reload schema';`;
  await runSql(
    adminUrl,
    `create function public.${name}() returns int language sql immutable as 'select 1';
     grant execute on function public.${name}() to service_role; ${reload}`,
  );
  await until((status) => status === 200);
  await runSql(adminUrl, `drop function public.${name}(); ${reload}`);
  // PGRST202 comes from the cache. Before the reload the same 404 comes from Postgres, with 42883.
  await until((_, body) => body.includes('PGRST202'));
}
