import type { Json } from '../../queue/types.ts';

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
  if (text.includes('\0')) throw refuse(path, 'text with a NUL character, which Postgres cannot store');
  if (!text.isWellFormed()) throw refuse(path, 'text with half a surrogate pair (a character cut in two)');
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
  return new NotJsonError(`${path} is ${what}, which is not JSON${more}.`);
}
