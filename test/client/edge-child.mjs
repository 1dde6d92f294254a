// Uses the built client as an edge runtime would: no built-in module can be imported, and Node's own globals are not there.
import { isBuiltin, registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    if (isBuiltin(specifier)) throw new Error(`${context.parentURL} imports ${specifier}`);
    return next(specifier, context);
  },
});
const [script, url, key] = process.argv.slice(2);
const { log } = console;
for (const name of ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate']) {
  const own = globalThis[name];
  // Node's own fetch uses them.
  const get = () => (/node:internal/.test(new Error().stack.split('\n')[2] ?? '') ? own : undefined);
  Object.defineProperty(globalThis, name, { get });
}

const { createClient } = await import(script);
const client = createClient({ url, key });
const { jobId, created } = await client.enqueue('report', { city: 'Bonn' });
const job = await client.get(jobId);
log(JSON.stringify({ created, status: job.status, config: job.config }));
