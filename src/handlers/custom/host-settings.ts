/**
 * Settings of the whole process that handlers can reach through built-in modules, and that no property shows: flags of V8,
 * hooks of the module loader, defaults of dns, net and streams.
 */
import nodeModule from 'node:module';

/** Functions that set such a thing, beside those whose name begins with `set`. */
const SETTERS: ReadonlySet<string> = new Set(['register', 'registerHooks', 'createHook', 'subscribe']);
/** Modules whose functions of such a name set nothing of the kind. */
const HARMLESS: ReadonlySet<string> = new Set(['timers', 'timers/promises', 'events', 'worker_threads']);

type Exports = Record<string, unknown>;
const { apply } = Reflect;
const { stringify } = JSON;
const { syncBuiltinESMExports } = nodeModule;

let calls = 0;

/** How often a handler has called a setter, in this process. */
export const setterCalls = (): number => calls;

/** Makes each call of a setter of a built-in module count; called before a handler can import the module. */
export function countSetters(name: string, exports: object): void {
  if (HARMLESS.has(name)) return;
  let isChanged = false;
  for (const [key, value] of Object.entries(exports)) {
    if (typeof value !== 'function' || !(/^set[A-Z]/.test(key) || SETTERS.has(key))) continue;
    const counted = function (this: unknown, ...args: unknown[]): unknown {
      calls += 1;
      return apply(value, this, args);
    };
    Object.defineProperty(counted, 'name', { value: key });
    (exports as Exports)[key] = counted;
    isChanged = true;
  }
  if (isChanged) syncBuiltinESMExports();
}

/** The settings behind accessors of a built-in module, in a form that can be compared. */
export function settingsOf(name: string, exports: object): readonly unknown[] {
  const { inspect, defaultMaxListeners, globalAgent } = exports as Exports & {
    inspect?: { defaultOptions?: object };
    globalAgent?: { maxSockets: number; maxFreeSockets: number; keepAlive: boolean };
  };
  if (name === 'util') return [stringify(inspect?.defaultOptions)];
  if (name === 'events') return [defaultMaxListeners];
  if (name !== 'http' && name !== 'https') return [];
  return [globalAgent, globalAgent?.maxSockets, globalAgent?.maxFreeSockets, globalAgent?.keepAlive];
}
