/** Values of handlers as JSON: results, which are refused unless they are JSON, and the properties of errors, which are cut to fit. */
import { types } from 'node:util';
import type { Json } from '../../queue/types.ts';
import { storableText } from '../../text/storable.ts';

const MAX_DEPTH = 200;

/** A value that a result cannot hold; the message names its path and its type. */
export class NotJsonError extends TypeError {
  override readonly name = 'NotJsonError';
}

/**
 * Copies a value that is JSON and refuses every other. A property that is `undefined` is left out, as
 * `JSON.stringify` does; everything else that it would change in silence (NaN, Date, Map, functions, holes) is an
 * error, and so is text that Postgres cannot store (NUL, half a surrogate pair).
 * @param path How messages name the value, such as `result`.
 * @throws NotJsonError
 */
export function asJson(value: unknown, path = 'result'): Json {
  return copy(value, path, []);
}

function copy(value: unknown, path: string, above: readonly object[]): Json {
  switch (typeof value) {
    case 'string':
      return checkText(value, path);
    case 'boolean':
      return value;
    case 'number':
      if (Number.isFinite(value)) return value;
      throw refuse(path, `the number ${value}`);
    case 'object':
      break;
    case 'bigint':
      throw refuse(path, 'a BigInt', 'return String(value)');
    default:
      throw refuse(path, value === undefined ? 'undefined' : `a ${typeof value}`);
  }
  if (value === null || value === undefined) return null;
  const object: object = value;
  if (above.includes(object)) throw refuse(path, 'circular: it contains itself');
  if (above.length >= MAX_DEPTH) throw refuse(path, `nested more than ${MAX_DEPTH} levels deep`);
  const inside = [...above, object];
  if (Array.isArray(value)) {
    // Array.from visits holes too, which `map` would keep.
    return Array.from(value, (item, index) => copy(item, `${path}[${index}]`, inside));
  }
  const prototype = Object.getPrototypeOf(object) as object | null;
  if (prototype !== null && prototype !== Object.prototype && !isForeignPlain(prototype)) {
    throw refuse(path, `an instance of ${className(object)}`, adviceFor(object));
  }
  const result: Record<string, Json> = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    checkText(key, `a key of ${path}`);
    // defineProperty, so that a key named __proto__ stays a key.
    Object.defineProperty(result, key, {
      value: copy(item, /^[\w$]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`, inside),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return result;
}

function checkText(text: string, path: string): string {
  const unstorable = (what: string) =>
    new NotJsonError(`${shortened(path)} is text with ${what}, which Postgres cannot store.`);
  if (text.includes('\0')) throw unstorable('a NUL character');
  if (!text.isWellFormed()) throw unstorable('half a surrogate pair (a character cut in two)');
  return text;
}

/** Objects of another realm (`vm`) have an Object.prototype of their own. */
function isForeignPlain(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

function className(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'a class';
}

function adviceFor(value: object): string | undefined {
  if (value instanceof Date) return 'return date.toISOString()';
  if (value instanceof Map) return 'return Object.fromEntries(map)';
  if (value instanceof Set) return 'return [...set]';
  if (value instanceof Error) return 'throw it instead';
  if (value instanceof Promise) return 'await it';
  return undefined;
}

function refuse(path: string, what: string, advice?: string): NotJsonError {
  const more = advice === undefined ? '' : `: ${advice}`;
  const not = what.startsWith('nested') ? '' : ', which is not JSON';
  return new NotJsonError(`${shortened(path)} is ${what}${not}${more}.`);
}

/** The start and the end of a path that would push out the reason. */
function shortened(path: string): string {
  return path.length > 200 ? `${path.slice(0, 100)}…${path.slice(-60)}` : path;
}

/**
 * The properties of a thrown error as JSON: what libraries put there (`code`, `detail`, `constraint`, a response body)
 * says more than the message. Written here and not by a library, since everything is bounded: depth, width and total
 * size. Texts are cut only far above what the worker keeps, which cuts them after secrets are taken out.
 */
const DETAIL_DEPTH = 6;
const MAX_KEYS = 100;
/** Values of all kinds in one error. */
const MAX_VALUES = 2_000;
const MAX_TEXT = 65_536;
const MAX_TOTAL_TEXT = 1_048_576;
/** Said already by the message and the stack. */
const SAID = new Set(['name', 'message', 'stack']);

class Budget {
  #values = MAX_VALUES;
  #text = MAX_TOTAL_TEXT;

  /** False when nothing more may be kept. */
  spend(text = 0): boolean {
    this.#values -= 1;
    this.#text -= text;
    return this.#values >= 0 && this.#text >= 0;
  }
}

/** The own properties of an error, its cause and the errors of an `AggregateError`, nested in the same way. */
export function errorProperties(error: Error): Record<string, Json> {
  return properties(error, new Budget(), [error]);
}

function properties(object: object, budget: Budget, above: readonly object[]): Record<string, Json> {
  const kept: Record<string, Json> = {};
  const isError = types.isNativeError(object);
  const hidden = isError ? ['cause', 'errors'].filter((key) => Object.hasOwn(object, key)) : [];
  const keys = [...new Set([...Object.keys(object), ...hidden])].filter((key) => !(isError && SAID.has(key)));
  for (const [index, key] of keys.entries()) {
    if (index === MAX_KEYS) {
      kept['…'] = `${keys.length - MAX_KEYS} more`;
      break;
    }
    const value = detailOf(propertyOf(object, key), budget, above);
    if (value !== undefined) {
      // defineProperty, so that a key named __proto__ stays a key.
      Object.defineProperty(kept, clip(key), { value, enumerable: true, configurable: true, writable: true });
    }
  }
  return kept;
}

/** Undefined for what is left out: functions, and all that is beyond the budget. */
function detailOf(value: unknown, budget: Budget, above: readonly object[]): Json | undefined {
  if (!budget.spend(typeof value === 'string' ? Math.min(value.length, MAX_TEXT) : 0)) return undefined;
  switch (typeof value) {
    case 'string':
      return clip(value);
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return clip(String(value));
    case 'object':
      return value === null ? null : objectDetail(value, budget, above);
    default:
      return undefined;
  }
}

function objectDetail(value: object, budget: Budget, above: readonly object[]): Json {
  if (above.includes(value)) return '[circular]';
  if (above.length > DETAIL_DEPTH) return '[nested too deeply]';
  const inside = [...above, value];
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
  if (types.isMap(value))
    return objectDetail(Object.fromEntries([...value].slice(0, MAX_KEYS + 1)), budget, above);
  if (types.isSet(value)) return objectDetail([...value].slice(0, MAX_KEYS + 1), budget, above);
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_KEYS).map((item) => detailOf(item, budget, inside) ?? null);
    return value.length > MAX_KEYS ? [...items, `… ${value.length - MAX_KEYS} more`] : items;
  }
  const inner = properties(value, budget, inside);
  if (!types.isNativeError(value)) return inner;
  const { name, message } = value;
  return { name: clip(String(name)), message: clip(String(message)), ...inner };
}

/** A getter of the handler's may throw. */
function propertyOf(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return '[a getter that throws]';
  }
}

function clip(text: string): string {
  const stored = storableText(text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text);
  return text.length > MAX_TEXT ? `${stored}… [cut]` : stored;
}
