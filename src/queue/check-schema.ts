import type { z } from 'zod';
import { QueueError, type QueueErrorCode } from './errors.ts';
import { CLIENT_SCHEMA, versionReply } from './replies.ts';
import { FOR_A_PERSON, type Patience, type Rpc } from './rpc.ts';

/**
 * Checks that the schema is in the database, in a version that this code can use.
 * @throws QueueError that says which version is needed and how to get it
 */
export async function checkSchema(rpc: Rpc, patience?: Patience): Promise<{ schema: number }> {
  const { schema, requires } = await version(rpc, patience);
  if (schema < CLIENT_SCHEMA) {
    throw new QueueError(
      'schema_mismatch',
      `The cloud-jobs schema in this database is version ${schema}; this release needs version ${CLIENT_SCHEMA}. Run the sql/install.sql of this release: it upgrades in place and keeps all jobs.`,
    );
  }
  if (requires > CLIENT_SCHEMA) {
    throw new QueueError(
      'schema_mismatch',
      `The cloud-jobs schema in this database is version ${schema}, newer than this release can use (${CLIENT_SCHEMA}). Use the release that the schema was installed from.`,
    );
  }
  return { schema };
}

async function version(rpc: Rpc, patience?: Patience): Promise<z.infer<typeof versionReply>> {
  try {
    return await rpc('cloud_jobs_version', {}, versionReply, patience);
  } catch (error) {
    if (!(error instanceof QueueError) || error.code !== 'schema_missing') throw error;
    throw new QueueError(
      'schema_missing',
      'The cloud-jobs schema is not in this database. Paste sql/install.sql of this release into the Supabase SQL Editor and run it. (If you just did: the Data API may need a few seconds to see it.)',
      { sqlState: error.sqlState },
    );
  }
}

const MAY_BE_SCHEMA: ReadonlySet<QueueErrorCode> = new Set([
  'schema_missing',
  'unexpected_reply',
  'not_supabase',
]);

/**
 * A missing function, or a reply in another form, may mean another schema or a broken one: asks for the version, so that
 * the error says what to do. If the version is right, so is the address: either the Data API has loaded the schema by now,
 * or something in the schema was changed.
 */
export function explainingSchema(rpc: Rpc): Rpc {
  return async (fn, args, reply, patience = FOR_A_PERSON) => {
    try {
      return await rpc(fn, args, reply, patience);
    } catch (error) {
      if (!mayBeSchema(error)) throw error;
    }
    await checkSchema(rpc, patience);
    try {
      return await rpc(fn, args, reply, { ...patience, doubtMs: 0 });
    } catch (error) {
      if (!mayBeSchema(error)) throw error;
      const said = error.message.replace(/ Check the project URL.*$/s, '');
      throw new QueueError(
        error.code === 'not_supabase' ? 'unexpected_reply' : error.code,
        `${said} The schema is there, but a part of it is missing or was changed. Run sql/install.sql of this release again; the command doctor names what differs.`,
        { sqlState: error.sqlState, cause: error.cause },
      );
    }
  };
}

const mayBeSchema = (error: unknown): error is QueueError =>
  error instanceof QueueError && MAY_BE_SCHEMA.has(error.code);
