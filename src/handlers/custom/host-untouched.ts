import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import v8 from 'node:v8';
import { countSetters, setterCalls, settingsOf } from './host-settings.ts';

/** Descriptors of a host process: standard input, output and error, and the two pipes to the worker. */
const OWN_DESCRIPTORS = [0, 1, 2, 3, 4] as const;
/** More open descriptors than at the start are a leak that would starve later jobs. */
const MAX_NEW_DESCRIPTORS = 64;
const MAX_RSS_BYTES = 512 * 1024 * 1024;
/** What keeps working after its job. Idle sockets (keep-alive) are fine. */
const LEFT_RUNNING: ReadonlySet<string> = new Set([
  'Timeout',
  'Immediate',
  'ProcessWrap',
  'Worker',
  'MessagePort',
  'TCPServerWrap',
  'PipeServerWrap',
  'FSEventWrap',
  'StatWatcher',
]);
/** Properties of `process` that change by themselves; its listeners are compared one by one. */
const CHANGING: ReadonlySet<PropertyKey> = new Set([
  '_events',
  '_eventsCount',
  '_maxListeners',
  'exitCode',
  'domain',
]);

// Kept from here on, whatever a handler does to the globals.
const { fstatSync, readdirSync } = fs;
const { getPriority } = os;
const { getHeapStatistics } = v8;
const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, isExtensible, apply } = Reflect;
const { hasOwn } = Object;
const { eventNames, rawListeners } = EventEmitter.prototype;
const { getActiveResourcesInfo, hasUncaughtExceptionCaptureCallback, umask, memoryUsage } = process;
const hasResource = LEFT_RUNNING.has.bind(LEFT_RUNNING);
const isChanging = CHANGING.has.bind(CHANGING);

interface Properties {
  readonly of: object;
  readonly prototype: object | null;
  readonly isExtensible: boolean;
  readonly keys: readonly PropertyKey[];
  readonly descriptors: readonly (PropertyDescriptor | undefined)[];
}

/** Settings of a built-in module, as they were. */
interface Settings {
  readonly name: string;
  readonly exports: object;
  readonly values: readonly unknown[];
}

type Listeners = readonly { readonly name: string | symbol; readonly listeners: readonly unknown[] }[];

/** `added`: what was there is as it was, and something is new. */
export type Difference = 'none' | 'added' | 'changed';

/**
 * Notices what a handler did to its process that the next job would meet: replaced globals and built-ins, their
 * prototypes, listeners, descriptors, leaks. Compares by plain loops over arrays and by functions kept from the start,
 * so that a handler cannot change the comparison by changing a built-in.
 */
export class Untouched {
  #properties: Properties[] = [];
  #listeners: Listeners = [];
  #setterCalls = 0;
  #settings: Settings[] = [];
  readonly #covered = new Set<unknown>();
  readonly #modules = new Set<object>();
  readonly #descriptors = OWN_DESCRIPTORS.map(identity);
  readonly #openDescriptors = countDescriptors();
  readonly #process = processState();

  constructor() {
    countSetters('process', process);
    // The last two are behind getters.
    for (const object of [globalThis, Intl, process, Buffer]) this.#coverAll(object);
    for (const object of [Buffer.prototype, process.argv, process.execArgv]) this.#cover(object);
    // Reached by no name: loops and awaits run through these.
    const iterators = [
      ...[
        [][Symbol.iterator](),
        new Map().entries(),
        new Set().values(),
        ''[Symbol.iterator](),
        'a'.matchAll(/a/g),
      ],
      ...[(function* () {})(), (async function* () {})(), async () => {}, Uint8Array, Uint8Array.prototype],
    ];
    for (const iterator of iterators) {
      for (let at = getPrototypeOf(iterator); at !== null; at = getPrototypeOf(at)) this.#cover(at);
    }
    this.accept();
  }

  /** Adds a built-in module; called before the handler that imports it can change it. */
  coverModule(name: string, exports: object): void {
    if (this.#modules.has(exports)) return;
    this.#modules.add(exports);
    countSetters(name, exports);
    // A module that is a global as well was covered before its setters were counted.
    this.#properties = this.#properties.filter(({ of }) => of !== exports);
    this.#covered.delete(exports);
    this.#coverAll(exports);
    this.#settings.push({ name, exports, values: settingsOf(name, exports) });
  }

  /** Takes what is there now as the state to compare with. */
  accept(): void {
    this.#properties = this.#properties.map(({ of }) => propertiesOf(of));
    this.#settings = this.#settings.map((one) => ({ ...one, values: settingsOf(one.name, one.exports) }));
    this.#listeners = listenersNow();
    this.#setterCalls = setterCalls();
  }

  difference(): Difference {
    try {
      let found: Difference = 'none';
      for (let i = 0; i < this.#properties.length; i++) {
        const one = compare(this.#properties[i] as Properties);
        if (one === 'changed') return one;
        if (one === 'added') found = one;
      }
      for (let i = 0; i < this.#settings.length; i++) {
        if (!areSame(this.#settings[i] as Settings)) found = 'added';
      }
      if (setterCalls() !== this.#setterCalls) found = 'added';
      const heard = compareListeners(this.#listeners, listenersNow());
      return heard === 'none' ? found : heard;
    } catch {
      // A built-in that throws is one that was replaced.
      return 'changed';
    }
  }

  /** Whether the process itself is fit for another job: nothing runs on, leaks or is set otherwise. */
  isFit(): boolean {
    try {
      for (let i = 0; i < OWN_DESCRIPTORS.length; i++) {
        if (identity(OWN_DESCRIPTORS[i] as number) !== this.#descriptors[i]) return false;
      }
      const heap = getHeapStatistics();
      return (
        !apply(getActiveResourcesInfo, process, []).some(hasResource) &&
        !apply(hasUncaughtExceptionCaptureCallback, process, []) &&
        processState() === this.#process &&
        countDescriptors() - this.#openDescriptors <= MAX_NEW_DESCRIPTORS &&
        memoryUsage.rss() <= MAX_RSS_BYTES &&
        heap.used_heap_size <= heap.heap_size_limit / 2 &&
        isAsMade(process.stdout) &&
        isAsMade(process.stderr)
      );
    } catch {
      return false;
    }
  }

  /** Covers an object, and the objects and prototypes that its properties hold. */
  #coverAll(object: object): void {
    this.#cover(object);
    for (const key of ownKeys(object)) {
      // The environment is put back after each job.
      if (object === process && key === 'env') continue;
      const value: unknown = getOwnPropertyDescriptor(object, key)?.value;
      // Node's own lists, of loaded modules and the like, grow by themselves.
      if (!Array.isArray(value)) this.#cover(value);
      if (typeof value === 'function') this.#cover(value.prototype);
    }
  }

  #cover(value: unknown): void {
    const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
    if (!isObject || this.#covered.has(value)) return;
    this.#covered.add(value);
    this.#properties.push(propertiesOf(value));
  }
}

function propertiesOf(of: object): Properties {
  const keys = ownKeys(of);
  return {
    of,
    prototype: getPrototypeOf(of),
    isExtensible: isExtensible(of),
    keys,
    descriptors: keys.map((key) => getOwnPropertyDescriptor(of, key)),
  };
}

function areSame({ name, exports, values }: Settings): boolean {
  const now = settingsOf(name, exports);
  for (let i = 0; i < values.length; i++) if (now[i] !== values[i]) return false;
  return true;
}

function compare({ of, prototype, isExtensible: wasExtensible, keys, descriptors }: Properties): Difference {
  if (getPrototypeOf(of) !== prototype || isExtensible(of) !== wasExtensible) return 'changed';
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as PropertyKey;
    if (of === process && isChanging(key)) continue;
    const before = descriptors[i] as PropertyDescriptor;
    const now = getOwnPropertyDescriptor(of, key);
    if (now === undefined || !isSame(of, before, now)) return 'changed';
  }
  const now = ownKeys(of);
  if (now.length === keys.length) return 'none';
  for (let i = 0; i < now.length; i++) {
    const key = now[i] as PropertyKey;
    if (!isIn(keys, key) && !isDefaultOfFetch(of, key)) return 'added';
  }
  return 'none';
}

function isIn(keys: readonly PropertyKey[], key: PropertyKey): boolean {
  for (let i = 0; i < keys.length; i++) if (keys[i] === key) return true;
  return false;
}

function isSame(of: object, before: PropertyDescriptor, now: PropertyDescriptor): boolean {
  if (before.get !== undefined && now.get === undefined) {
    // Node makes some globals when they are first read, and puts them in place of their getter.
    return apply(before.get, of, []) === now.value;
  }
  const value = now.value === before.value || (Number.isNaN(now.value) && Number.isNaN(before.value));
  return value && now.get === before.get && now.set === before.set;
}

/** The first `fetch` of a process leaves its agent among the globals, under a symbol. */
function isDefaultOfFetch(of: object, key: PropertyKey): boolean {
  if (of !== globalThis || typeof key !== 'symbol' || !key.description?.startsWith('undici.')) return false;
  const agent: unknown = getOwnPropertyDescriptor(of, key)?.value;
  const name = (agent as { constructor?: { name?: unknown } } | undefined)?.constructor?.name;
  return name === 'Agent' || name === 'EnvHttpProxyAgent';
}

function listenersNow(): Listeners {
  return apply(eventNames, process, []).map((name: string | symbol) => ({
    name,
    listeners: apply(rawListeners, process, [name]),
  }));
}

function compareListeners(before: Listeners, now: Listeners): Difference {
  let count = 0;
  for (let i = 0; i < before.length; i++) {
    const old = before[i] as Listeners[number];
    const same = now.find(({ name }) => name === old.name)?.listeners ?? [];
    for (let j = 0; j < old.listeners.length; j++) if (same[j] !== old.listeners[j]) return 'changed';
    count -= old.listeners.length;
  }
  for (let i = 0; i < now.length; i++) count += (now[i] as Listeners[number]).listeners.length;
  return count > 0 ? 'added' : 'none';
}

/** Whether an output stream is open and writes by the method of its class. */
function isAsMade(stream: NodeJS.WriteStream): boolean {
  return stream.writable && stream.writableCorked === 0 && !hasOwn(stream, 'write') && !hasOwn(stream, 'end');
}

/** Tells one open file from another that took its number. */
function identity(descriptor: number): string {
  try {
    const { dev, ino, mode } = fstatSync(descriptor);
    return `${dev} ${ino} ${mode}`;
  } catch {
    return 'closed';
  }
}

function countDescriptors(): number {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}

function processState(): string {
  return `${apply(umask, process, [])} ${process.getuid?.()} ${getPriority()}`;
}
