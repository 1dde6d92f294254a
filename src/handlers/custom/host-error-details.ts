import { types } from 'node:util';
import type { Json } from '../../queue/types.ts';
import { storableText } from '../../text/storable.ts';

/**
 * The properties of a thrown error as JSON: what libraries put there (`code`, `detail`, `constraint`, a response body)
 * says more than the message. Written here and not by a library, since everything is bounded: depth, width and total
 * size. Texts are cut only far above what the worker keeps, which cuts them after secrets are taken out.
 */
const MAX_DEPTH = 6;
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
    const value = asJson(propertyOf(object, key), budget, above);
    if (value !== undefined) {
      // defineProperty, so that a key named __proto__ stays a key.
      Object.defineProperty(kept, clip(key), { value, enumerable: true, configurable: true, writable: true });
    }
  }
  return kept;
}

/** Undefined for what is left out: functions, and all that is beyond the budget. */
function asJson(value: unknown, budget: Budget, above: readonly object[]): Json | undefined {
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
      return value === null ? null : objectAsJson(value, budget, above);
    default:
      return undefined;
  }
}

function objectAsJson(value: object, budget: Budget, above: readonly object[]): Json {
  if (above.includes(value)) return '[circular]';
  if (above.length > MAX_DEPTH) return '[nested too deeply]';
  const inside = [...above, value];
  if (types.isDate(value)) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) return `[${value.byteLength} bytes]`;
  if (types.isMap(value))
    return objectAsJson(Object.fromEntries([...value].slice(0, MAX_KEYS + 1)), budget, above);
  if (types.isSet(value)) return objectAsJson([...value].slice(0, MAX_KEYS + 1), budget, above);
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_KEYS).map((item) => asJson(item, budget, inside) ?? null);
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
