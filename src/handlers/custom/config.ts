import { inspect } from 'node:util';
import type { Json } from '../../queue/types.ts';
import { jsonFault } from '../../text/json-fault.ts';
import type { HandlerOutcome } from '../handler.ts';

/**
 * A custom job that cannot be started. If `final`, its name can never be right, and it is
 * discarded. Otherwise it is retried: a file that is missing today may be there after the next deploy.
 */
export class CustomHandlerError extends Error {
  override readonly name = 'CustomHandlerError';
  readonly final: boolean;
  constructor(message: string, options: { readonly final: boolean; readonly cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.final = options.final;
  }

  /** The outcome that says the same to the worker. */
  toOutcome(): HandlerOutcome {
    return this.final
      ? { outcome: 'discard', reason: this.message }
      : { outcome: 'failure', kind: 'error', message: this.message };
  }
}

export interface CustomConfig {
  /** Relative to the handlers folder, parts joined with `/`, with or without an extension. */
  readonly handler: string;
  /** The config that the handler sees: everything but `handler`. */
  readonly rest: { readonly [key: string]: Json };
}

const EXAMPLE = '{"handler": "report"}';

/**
 * Takes the config of a custom job apart and refuses names that could never be a file of the handlers folder.
 * Looks at text only: what is on disk is checked by `locateHandler`.
 * @throws CustomHandlerError with `final` true.
 */
export function readCustomConfig(config: Json): CustomConfig {
  if (config === null || typeof config !== 'object' || Array.isArray(config)) {
    throw refuse(
      `The config of a custom job must be a JSON object that names a handler, such as ${EXAMPLE}.`,
    );
  }
  const { handler, ...rest } = config;
  if (handler === undefined) {
    throw refuse(`The config of this custom job names no handler. Add one, such as ${EXAMPLE}.`);
  }
  if (typeof handler !== 'string') {
    throw refuse(`config.handler must be text, such as ${EXAMPLE}; it is ${inspect(handler, { depth: 0 })}.`);
  }
  const name = checkName(handler);
  // A number that is rounded by now, and what cannot be sent to a handler or is too deep for it.
  const fault = jsonFault(rest);
  if (fault !== null) throw refuse(`The config of this custom job ${fault}.`);
  return { handler: name, rest };
}

function checkName(given: string): string {
  const shown = JSON.stringify(given.length > 200 ? `${given.slice(0, 200)}…` : given);
  const because = (why: string) =>
    refuse(
      `config.handler is ${shown}: ${why}. Give a name relative to the handlers folder, such as "report".`,
    );
  if (given.trim() === '') throw because('it is empty');
  if (given.length > 500) throw because('it is longer than 500 characters');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(given)) throw because('it contains a control character');
  if (given.includes('\\')) throw because('it contains a backslash (parts are joined with /)');
  if (given.startsWith('/') || /^[A-Za-z]:/.test(given)) throw because('it is an absolute path');
  const name = given.startsWith('./') ? given.slice(2) : given;
  const parts = name.split('/');
  if (parts.includes('..')) throw because('it leads out of the folder with ".."');
  if (parts.some((part) => part === '' || part === '.')) throw because('it has an empty part');
  return name;
}

function refuse(message: string): CustomHandlerError {
  return new CustomHandlerError(message, { final: true });
}
