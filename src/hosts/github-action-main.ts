import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { VERSION } from '../version.ts';
import { runAction } from './github-action.ts';

// The door from GitHub: the process becomes arguments, the answer an exit code.
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
// Node's fetch passes a proxy by unless told: self-hosted runners may have nothing else.
if (process.env.https_proxy || process.env.HTTPS_PROXY) {
  process.getBuiltinModule('node:http').setGlobalProxyFromEnv?.();
}

const code = await runAction({
  env: process.env,
  stop: stop.signal,
  bundleDir: dirname(process.argv[1] ?? '.'),
  tempDir: tmpdir(),
  version: VERSION,
});
// Kept connections would hold the process for seconds; what was written must be out first.
process.stdout.write('', () => process.exit(code));
