/** `npm run stack`: the local stack until it is stopped; the same command as `cloud-jobs dev`. */
import { CommanderError } from 'commander';
import { stackCommand } from '../local-supabase/command.ts';

const command = stackCommand('stack', (code) => {
  process.exitCode = code;
});
await command.parseAsync().catch((error: unknown) => {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode;
});
