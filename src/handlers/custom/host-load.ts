import * as nodeModule from 'node:module';
import type { JobContext, RetryDelay, StandardSchema } from '../../index.ts';
import type { Json } from '../../queue/types.ts';
import { listIssues, namedIssues } from '../../standard-schema.ts';
import type { HandlerOutcome } from '../handler.ts';
import { failureOf, type MissingImport } from './host-error.ts';

/** A day: a delay does not grow beyond it. */
const LONGEST_GROWN_DELAY_SECONDS = 86_400;
const isBuiltin = nodeModule.isBuiltin;
const SHIM_URL = 'cloud-jobs:define-handler';
/** All that `cloud-jobs` exports at run time: the types are gone by then. */
const SHIM_SOURCE = 'export function defineHandler(handler) { return handler; }';

/** What was loaded last, and what was not found last: an error of the loader does not always say. */
export const lastLoad: { url: string | null; missing: MissingImport | null } = { url: null, missing: null };

/**
 * Makes `import 'cloud-jobs'` (and `require`) work in a handler without the package being installed.
 * An installed one is passed over: this process is what reads the handler, so its own version has to match.
 * @param onBuiltin Called with each built-in module before a handler gets it.
 */
export function installHooks(onBuiltin: (name: string, exports: object) => void): void {
  const { getBuiltinModule } = process;
  const give = (specifier: string): object | undefined => {
    const exports: unknown = getBuiltinModule(specifier);
    if (isObject(exports) || typeof exports === 'function')
      onBuiltin(specifier.replace(/^node:/, ''), exports);
    return exports as object | undefined;
  };
  process.getBuiltinModule = give as typeof getBuiltinModule;
  nodeModule.registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === 'cloud-jobs') return { url: SHIM_URL, format: 'module', shortCircuit: true };
      if (isBuiltin(specifier)) give(specifier);
      try {
        return next(specifier, context);
      } catch (error) {
        lastLoad.missing = { specifier, from: context.parentURL };
        throw error;
      }
    },
    load: (url, context, next) => {
      if (url === SHIM_URL) return { format: 'module', source: SHIM_SOURCE, shortCircuit: true };
      lastLoad.url = url;
      return next(url, context);
    },
  });
}

export interface LoadedHandler {
  readonly schema: StandardSchema | null;
  readonly retry: RetryDelay | null;
  readonly run: (config: unknown, context: JobContext) => unknown;
}

/** Thrown for a module that is no handler; the message says what it is and what to write. */
export class NoHandlerError extends Error {
  override readonly name = 'NoHandlerError';
}

/**
 * Takes the handler out of a module's exports.
 * @throws NoHandlerError
 */
export function handlerOf(exports: Readonly<Record<string, unknown>>, name: string): LoadedHandler {
  const write = 'Write "export default async (config, context) => { … }" or use defineHandler.';
  let value = exports.default;
  // CommonJS made by a compiler: module.exports.default.
  if (isObject(value) && value.__esModule === true) value = value.default;
  if (value === undefined) {
    const others = Object.keys(exports).filter((key) => key !== 'module.exports');
    const seen = others.length === 0 ? '' : ` (it exports ${others.join(', ')})`;
    throw new NoHandlerError(`The handler "${name}" has no default export${seen}. ${write}`);
  }
  if (typeof value === 'function') return { schema: null, retry: null, run: value as LoadedHandler['run'] };
  if (!isObject(value) || typeof value.run !== 'function') {
    const what = isObject(value)
      ? 'an object without a function `run`'
      : `not a function but ${typeof value}`;
    throw new NoHandlerError(`The default export of the handler "${name}" is ${what}. ${write}`);
  }
  const definition = value as {
    readonly run: LoadedHandler['run'];
    readonly config?: unknown;
    readonly retry?: unknown;
  };
  if (definition.config !== undefined && !isStandardSchema(definition.config)) {
    throw new NoHandlerError(
      `\`config\` of the handler "${name}" is no Standard Schema v1 (https://standardschema.dev). ` +
        'Give a schema of zod 3.24 or later, valibot 1, arktype 2 or another library that follows it.',
    );
  }
  const schema = definition.config ?? null;
  const retry = definition.retry ?? null;
  if (retry !== null && !isRetryDelay(retry)) {
    throw new NoHandlerError(
      `\`retry\` of the handler "${name}" must be { delaySeconds: 0 to 31536000, factor: 1 to 10 }, with or without the factor.`,
    );
  }
  return { schema, retry, run: (config, context) => definition.run(config, context) };
}

/**
 * The config as the handler gets it, or the outcome that says why it may not: a config that does not fit is
 * discarded, since no retry changes it.
 */
export async function checkConfig(
  schema: StandardSchema | null,
  config: { readonly [key: string]: Json },
  name: string,
): Promise<{ readonly value: unknown } | { readonly refused: HandlerOutcome }> {
  if (schema === null) return { value: config };
  let result: Awaited<ReturnType<StandardSchema['~standard']['validate']>>;
  try {
    result = await schema['~standard'].validate(config);
  } catch (error) {
    return { refused: failureOf(error, 'error', `The config schema of the handler "${name}" threw: `) };
  }
  if (result.issues === undefined) return { value: result.value };
  const issues = namedIssues(result.issues).map((issue) => ({ ...issue }));
  const reason = `The config does not fit the handler "${name}": ${listIssues(issues)}`;
  return { refused: { outcome: 'discard', reason, details: { issues } } };
}

/** The JSON Schema of what a handler takes, or null if its library does not write one (https://standardschema.dev/json-schema). */
export function jsonSchemaOf(schema: StandardSchema | null): Json {
  const standard = schema?.['~standard'] as
    | { jsonSchema?: { input?: (options: object) => unknown } }
    | undefined;
  try {
    const written = standard?.jsonSchema?.input?.({ target: 'draft-2020-12' });
    return written === undefined ? null : JSON.parse(JSON.stringify(written));
  } catch {
    // A schema may hold what JSON Schema has no words for.
    return null;
  }
}

function isStandardSchema(value: unknown): value is StandardSchema {
  if (!isObject(value) && typeof value !== 'function') return false;
  const standard: unknown = (value as Record<string, unknown>)['~standard'];
  return isObject(standard) && standard.version === 1 && typeof standard.validate === 'function';
}

function isRetryDelay(value: unknown): value is RetryDelay {
  if (!isObject(value)) return false;
  const { delaySeconds, factor = 1 } = value;
  return isBetween(delaySeconds, 0, 31_536_000) && isBetween(factor, 1, 10);
}

function isBetween(value: unknown, low: number, high: number): boolean {
  return typeof value === 'number' && value >= low && value <= high;
}

/** How long to wait before the retry that follows this attempt. */
export function retrySeconds({ delaySeconds, factor = 1 }: RetryDelay, attempt: number): number {
  return Math.min(
    delaySeconds * factor ** (attempt - 1),
    Math.max(delaySeconds, LONGEST_GROWN_DELAY_SECONDS),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
