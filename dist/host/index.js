import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
var __webpack_exports__ = {};

;// CONCATENATED MODULE: external "node:async_hooks"
const external_node_async_hooks_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:async_hooks");
;// CONCATENATED MODULE: external "node:util"
const external_node_util_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:util");
;// CONCATENATED MODULE: ./lib/src/text/storable.js
/** Replaces what Postgres cannot store with U+FFFD. */
function storableText(text) {
    return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
/** Does the same in every text of a value, keys included. */
function storableJson(value) {
    return mapTexts(value, storableText, storableText);
}
const byteLength = (text) => Buffer.byteLength(text, 'utf8');
/** Cuts text to `bytes` of UTF-8, in whole characters, and says at the end that it was cut. */
function keepStart(text, bytes) {
    if (byteLength(text) <= bytes)
        return text;
    const mark = `\n… cut: ${byteLength(text)} bytes in all`;
    const kept = Buffer.from(text, 'utf8').subarray(0, Math.max(0, bytes - byteLength(mark)));
    return new TextDecoder('utf-8').decode(kept, { stream: true }) + mark;
}
/** Does the same to every text of a value; keys stay whole. */
function keepStarts(value, bytes) {
    return mapTexts(value, (text) => keepStart(text, bytes), (key) => key);
}
function mapTexts(value, text, key) {
    if (typeof value === 'string')
        return text(value);
    if (Array.isArray(value))
        return value.map((inner) => mapTexts(inner, text, key));
    if (value === null || typeof value !== 'object')
        return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [key(name), mapTexts(inner, text, key)]));
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/json-result.js
const MAX_DEPTH = 200;
/** A value that a result cannot hold; the message names its path and its type. */
class NotJsonError extends TypeError {
    name = 'NotJsonError';
}
/**
 * Copies a value that is JSON and refuses every other. A property that is `undefined` is left out, as
 * `JSON.stringify` does; everything else that it would change in silence (NaN, Date, Map, functions, holes) is an
 * error, and so is text that Postgres cannot store (NUL, half a surrogate pair).
 * @param path How messages name the value, such as `result`.
 * @throws NotJsonError
 */
function asJson(value, path = 'result') {
    return copy(value, path, []);
}
function copy(value, path, above) {
    switch (typeof value) {
        case 'string':
            return checkText(value, path);
        case 'boolean':
            return value;
        case 'number':
            if (Number.isFinite(value))
                return value;
            throw refuse(path, `the number ${value}`);
        case 'object':
            break;
        case 'bigint':
            throw refuse(path, 'a BigInt', 'return String(value)');
        default:
            throw refuse(path, value === undefined ? 'undefined' : `a ${typeof value}`);
    }
    if (value === null || value === undefined)
        return null;
    const object = value;
    if (above.includes(object))
        throw refuse(path, 'circular: it contains itself');
    if (above.length >= MAX_DEPTH)
        throw refuse(path, `nested more than ${MAX_DEPTH} levels deep`);
    const inside = [...above, object];
    if (Array.isArray(value)) {
        // Array.from visits holes too, which `map` would keep.
        return Array.from(value, (item, index) => copy(item, `${path}[${index}]`, inside));
    }
    const prototype = Object.getPrototypeOf(object);
    if (prototype !== null && prototype !== Object.prototype && !isForeignPlain(prototype)) {
        throw refuse(path, `an instance of ${className(object)}`, adviceFor(object));
    }
    const result = {};
    for (const [key, item] of Object.entries(value)) {
        if (item === undefined)
            continue;
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
function checkText(text, path) {
    if (text.includes('\0'))
        throw refuse(path, 'text with a NUL character, which Postgres cannot store');
    if (!text.isWellFormed())
        throw refuse(path, 'text with half a surrogate pair (a character cut in two)');
    return text;
}
/** Objects of another realm (`vm`) have an Object.prototype of their own. */
function isForeignPlain(prototype) {
    return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}
function className(value) {
    const name = value.constructor?.name;
    return typeof name === 'string' && name !== '' ? name : 'a class';
}
function adviceFor(value) {
    if (value instanceof Date)
        return 'return date.toISOString()';
    if (value instanceof Map)
        return 'return Object.fromEntries(map)';
    if (value instanceof Set)
        return 'return [...set]';
    if (value instanceof Error)
        return 'throw it instead';
    if (value instanceof Promise)
        return 'await it';
    return undefined;
}
function refuse(path, what, advice) {
    const more = advice === undefined ? '' : `: ${advice}`;
    return new NotJsonError(`${path} is ${what}, which is not JSON${more}.`);
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-context.js



/** Bounds the message to the worker, which keeps far less and cuts after secrets are taken out. */
const MAX_TEXT = 262_144;
/** The redactor leaves shorter values alone: they are words. */
const SHORTEST_SECRET = 6;
const MAX_SNOOZE_MINUTES = 365 * 24 * 60;
/** Progress travels at most this often, however often it is reported. */
const PROGRESS_EVERY_MS = 100;
/** Builds what a handler gets as its second argument. */
function createContext(options) {
    // Known by identity: nothing that a handler builds by itself can be taken for one.
    const endings = new Map();
    const ending = (outcome, call) => {
        const token = Object.freeze({ endsTheJob: call });
        endings.set(token, { outcome, call });
        return token;
    };
    const progress = throttledProgress(options.sendProgress);
    const context = Object.freeze({
        job: deepFreeze(options.job),
        attempt: options.job.attempt,
        idempotencyKey: options.idempotencyKey,
        signal: options.signal,
        log: Object.freeze({
            info: (...values) => void process.stdout.write(`${(0,external_node_util_namespaceObject.format)(...values)}\n`),
            warn: (...values) => void process.stderr.write(`warning: ${(0,external_node_util_namespaceObject.format)(...values)}\n`),
            error: (...values) => void process.stderr.write(`error: ${(0,external_node_util_namespaceObject.format)(...values)}\n`),
        }),
        progress: (done, total, note) => progress.report(asProgress(done, total, note)),
        secret: (value) => {
            if (typeof value !== 'string')
                throw new TypeError(`context.secret takes text, not ${typeof value}.`);
            if (value !== '')
                options.sendSecret(value);
            if (value.trim().length < SHORTEST_SECRET) {
                process.stderr.write(`warning: context.secret hides values of ${SHORTEST_SECRET} characters and more; this one is shorter and is not hidden.\n`);
            }
        },
        snooze: (given) => ending(snoozeOutcome(given), 'snooze'),
        discard: (reason) => {
            if (typeof reason !== 'string' || reason.trim() === '') {
                throw new TypeError('context.discard takes a reason: context.discard("the account is closed").');
            }
            return ending({ outcome: 'discard', reason: clean(reason) }, 'discard');
        },
    });
    return {
        context,
        outcomeOf(returned) {
            const asked = endings.get(returned);
            if (asked !== undefined)
                return asked.outcome;
            const [unused] = endings.values();
            // Whatever was returned in its place: to take it for a success would hide what the handler asked for.
            if (unused !== undefined) {
                throw new TypeError(`context.${unused.call}(…) was called, but its value was not returned, so it had no effect. ` +
                    `Write "return context.${unused.call}(…)".`);
            }
            return { outcome: 'success', result: returned === undefined ? null : asJson(returned) };
        },
        thrownOutcome: (thrown) => endings.get(thrown)?.outcome ?? null,
        close: progress.close,
    };
}
function snoozeOutcome(given) {
    const { minutes, reason } = Object(given);
    if (typeof minutes !== 'number' || !(minutes > 0 && minutes <= MAX_SNOOZE_MINUTES)) {
        throw new RangeError(`context.snooze takes { minutes } above 0 and at most ${MAX_SNOOZE_MINUTES} (a year), not ${String(minutes)}.`);
    }
    const seconds = Math.max(1, Math.round(minutes * 60));
    const why = typeof reason === 'string' && reason.trim() !== '' ? reason : 'the handler asked to run later';
    return { outcome: 'snooze', seconds, reason: clean(why) };
}
function asProgress(done, total, note) {
    const amount = (value, name) => {
        if (typeof value === 'number' && Number.isFinite(value) && value >= 0)
            return value;
        throw new TypeError(`context.progress: ${name} must be a number of 0 or more, not ${String(value)}.`);
    };
    if (note !== undefined && typeof note !== 'string') {
        throw new TypeError(`context.progress: note must be text, not ${typeof note}.`);
    }
    return {
        done: amount(done, 'done'),
        ...(total === undefined ? {} : { total: amount(total, 'total') }),
        ...(note === undefined ? {} : { note: clean(note) }),
    };
}
function throttledProgress(send) {
    let held = null;
    let sentAt = Number.NEGATIVE_INFINITY;
    let timer = null;
    let closed = false;
    const flush = () => {
        if (timer !== null)
            clearTimeout(timer);
        timer = null;
        if (held === null)
            return;
        send(held);
        held = null;
        sentAt = performance.now();
    };
    return {
        report(progress) {
            if (closed)
                return;
            held = progress;
            // By the clock and not by a timer alone: a handler that never yields still shows its progress.
            const wait = sentAt + PROGRESS_EVERY_MS - performance.now();
            if (wait <= 0)
                flush();
            else
                timer ??= setTimeout(flush, wait).unref();
        },
        close() {
            flush();
            closed = true;
        },
    };
}
function clean(text) {
    const stored = storableText(text);
    return stored.length > MAX_TEXT ? `${stored.slice(0, MAX_TEXT).toWellFormed()}…` : stored;
}
function deepFreeze(value) {
    if (typeof value === 'object' && value !== null) {
        for (const inner of Object.values(value))
            deepFreeze(inner);
        Object.freeze(value);
    }
    return value;
}

;// CONCATENATED MODULE: external "node:child_process"
const external_node_child_process_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:child_process");
;// CONCATENATED MODULE: external "node:path"
const external_node_path_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:path");
;// CONCATENATED MODULE: external "node:url"
const external_node_url_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:url");
;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-error.js





/**
 * Bounds the message to the worker, which keeps far less: what is kept is cut there, after secrets are taken out, since
 * half a secret would not be found any more.
 */
const host_error_MAX_TEXT = 262_144;
/** Where this code lies, taken at the start: a handler may change `process.argv`. */
const HERE = (0,external_node_path_namespaceObject.dirname)(process.argv[1] ?? '');
/** Whatever a handler threw, as a failure: message with its causes, stack without the frames of Node and of us. */
function failureOf(thrown, kind, prefix = '') {
    const message = clip(storableText(prefix + messageOf(thrown)));
    const details = {};
    if (thrown instanceof Error) {
        if (typeof thrown.stack === 'string')
            details.stack = clip(storableText(ownFrames(thrown.stack)));
        if ('code' in thrown && typeof thrown.code === 'string')
            details.code = clip(storableText(thrown.code));
    }
    const more = Object.keys(details).length === 0 ? {} : { details };
    return { outcome: 'failure', kind, message, ...more };
}
/** One line about an error and its causes (`fetch failed` alone helps nobody); at most three levels deep. */
function messageOf(thrown, depth = 0) {
    if (!(thrown instanceof Error))
        return `a thrown value that is no Error: ${(0,external_node_util_namespaceObject.inspect)(thrown, { depth: 2 })}`;
    const named = thrown.name === 'Error' || thrown.name === '' ? thrown.message : `${thrown.name}: ${thrown.message}`;
    const parts = [named === '' ? thrown.name : named];
    if (depth < 3 && thrown instanceof AggregateError) {
        parts.push(...thrown.errors.slice(0, 5).map((error) => messageOf(error, depth + 1)));
    }
    if (depth < 3 && thrown.cause !== undefined)
        parts.push(`caused by: ${messageOf(thrown.cause, depth + 1)}`);
    return parts.join('; ');
}
/**
 * Why a module did not load, with the place when it is a syntax error.
 * @param lastUrl The module that Node loaded last: for an ES module's syntax error, the one at fault, since V8's
 *   error then carries no place.
 */
function loadFailure(thrown, name, lastUrl) {
    const failure = failureOf(thrown, 'error');
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    const place = thrown instanceof Error ? placeOf(thrown, lastUrl) : null;
    const at = place === null ? '' : ` (${place})`;
    let why = `${failure.message}${at}`;
    if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
        why =
            `it uses TypeScript that Node cannot strip${at}: ${thrown.message}. Only types are taken out, so ` +
                'enums, namespaces with code and parameter properties do not work; use a const object in place of an enum.';
    }
    else if (code === 'ERR_MODULE_NOT_FOUND' && /Cannot find package/.test(failure.message)) {
        why += '. Install it in the workflow ("npm ci") before the cloud-jobs step, or do without it';
    }
    return { ...failure, message: clip(`The handler "${name}" cannot be loaded: ${why}`) };
}
/** `file:line` of a syntax error, relative to the working directory when below it. */
function placeOf(error, lastUrl) {
    const header = /^(\S.*):(\d+)\n/;
    let found = header.exec(error.stack ?? '');
    if (found === null && error.stack?.includes('compileSourceTextModule') && lastUrl?.startsWith('file:')) {
        const check = (0,external_node_child_process_namespaceObject.spawnSync)(process.execPath, ['--check', (0,external_node_url_namespaceObject.fileURLToPath)(lastUrl)], {
            encoding: 'utf8',
            timeout: 10_000,
        });
        found = header.exec(check.stderr);
    }
    if (found === null)
        return null;
    const [, file = '', line = ''] = found;
    const path = file.startsWith('file:') ? (0,external_node_url_namespaceObject.fileURLToPath)(file) : file;
    const near = (0,external_node_path_namespaceObject.relative)(process.cwd(), path);
    return `${near === '' || near.startsWith('..') ? path : near}:${line}`;
}
function ownFrames(stack) {
    return stack
        .split('\n')
        .filter((line) => !/^\s+at /.test(line) || !(line.includes('node:internal') || line.includes(HERE)))
        .join('\n');
}
function clip(text) {
    return text.length > host_error_MAX_TEXT ? `${text.slice(0, host_error_MAX_TEXT).toWellFormed()}… [cut]` : text;
}

;// CONCATENATED MODULE: external "node:module"
const external_node_module_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:module");
;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-load.js


const SHIM_URL = 'cloud-jobs:define-handler';
/** All that `cloud-jobs` exports at run time: the types are gone by then. */
const SHIM_SOURCE = 'export function defineHandler(handler) { return handler; }';
let lastUrl = null;
/** The URL of the module that was loaded last. */
function lastLoadedUrl() {
    return lastUrl;
}
/**
 * Makes `import 'cloud-jobs'` (and `require`) work in a handler without the package being installed beside it.
 * An installed one is passed over: this process is what reads the handler, so its own version has to match.
 */
function installShim() {
    external_node_module_namespaceObject.registerHooks({
        resolve: (specifier, context, next) => specifier === 'cloud-jobs'
            ? { url: SHIM_URL, format: 'module', shortCircuit: true }
            : next(specifier, context),
        load: (url, context, next) => {
            if (url === SHIM_URL)
                return { format: 'module', source: SHIM_SOURCE, shortCircuit: true };
            lastUrl = url;
            return next(url, context);
        },
    });
}
/** Thrown for a module that is no handler; the message says what it is and what to write. */
class NoHandlerError extends Error {
    name = 'NoHandlerError';
}
/**
 * Takes the handler out of a module's exports.
 * @throws NoHandlerError
 */
function handlerOf(exports, name) {
    const write = 'Write "export default async (config, context) => { … }" or use defineHandler.';
    let value = exports.default;
    // CommonJS made by a compiler: module.exports.default.
    if (isObject(value) && value.__esModule === true)
        value = value.default;
    if (value === undefined) {
        const others = Object.keys(exports).filter((key) => key !== 'module.exports');
        const seen = others.length === 0 ? '' : ` (it exports ${others.join(', ')})`;
        throw new NoHandlerError(`The handler "${name}" has no default export${seen}. ${write}`);
    }
    if (typeof value === 'function')
        return { schema: null, run: value };
    if (!isObject(value) || typeof value.run !== 'function') {
        const what = isObject(value)
            ? 'an object without a function `run`'
            : `not a function but ${typeof value}`;
        throw new NoHandlerError(`The default export of the handler "${name}" is ${what}. ${write}`);
    }
    const definition = value;
    if (definition.config !== undefined && !isStandardSchema(definition.config)) {
        throw new NoHandlerError(`\`config\` of the handler "${name}" is no Standard Schema v1 (https://standardschema.dev). ` +
            'Give a schema of zod 3.24 or later, valibot 1, arktype 2 or another library that follows it.');
    }
    const schema = definition.config ?? null;
    return { schema, run: (config, context) => definition.run(config, context) };
}
/**
 * The config as the handler gets it, or the outcome that says why it may not: a config that does not fit is
 * discarded, since no retry changes it.
 */
async function checkConfig(schema, config, name) {
    if (schema === null)
        return { value: config };
    let result;
    try {
        result = await schema['~standard'].validate(config);
    }
    catch (error) {
        return { refused: failureOf(error, 'error', `The config schema of the handler "${name}" threw: `) };
    }
    if (result.issues === undefined)
        return { value: result.value };
    const issues = result.issues
        .slice(0, 20)
        .map((issue) => ({ path: issuePath(issue), message: String(issue.message) }));
    const listed = issues
        .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
        .join('; ');
    const reason = `The config does not fit the handler "${name}": ${listed || 'no reason given'}`;
    return { refused: { outcome: 'discard', reason, details: { issues } } };
}
function issuePath(issue) {
    let path = '';
    for (const part of issue.path ?? []) {
        const key = typeof part === 'object' ? part.key : part;
        if (typeof key === 'number')
            path += `[${key}]`;
        else
            path += path === '' ? String(key) : `.${String(key)}`;
    }
    return path;
}
function isStandardSchema(value) {
    if (!isObject(value) && typeof value !== 'function')
        return false;
    const standard = value['~standard'];
    return isObject(standard) && standard.version === 1 && typeof standard.validate === 'function';
}
function isObject(value) {
    return typeof value === 'object' && value !== null;
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/protocol.js
/** Starts every mark line; U+001E is the record separator, which no sane output begins a line with. */
const MARK = '\u001e';
/** Whole text to write: begins with a line end, because the handler may have left a line open. */
function encodeMark(run, mark) {
    const body = mark.kind === 'secret' ? `secret ${Buffer.from(mark.value).toString('base64')}` : mark.kind;
    return `\n${MARK}${run} ${body}\n`;
}
/** The mark in a line, or null when the line is output. */
function decodeMark(run, line) {
    const start = `${MARK}${run} `;
    if (!line.startsWith(start))
        return null;
    const [kind, value = ''] = line.slice(start.length).split(' ');
    if (kind === 'begin' || kind === 'end')
        return { kind };
    return { kind: 'secret', value: Buffer.from(value, 'base64').toString('utf8') };
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/host.js
var __rewriteRelativeImportExtension = (undefined && undefined.__rewriteRelativeImportExtension) || function (path, preserveJsx) {
    if (typeof path === "string" && /^\.\.?\//.test(path)) {
        return path.replace(/\.(tsx)$|((?:\.d)?)((?:\.[^./]+?)?)\.([cm]?)ts$/i, function (m, tsx, d, ext, cm) {
            return tsx ? preserveJsx ? ".jsx" : ".js" : d && (!ext || !cm) ? m : (d + ext + "." + cm.toLowerCase() + "js");
        });
    }
    return path;
};
/**
 * The process that JavaScript and TypeScript handlers run in: one job at a time, many one after the other. Started
 * by `module-child.ts` with an IPC channel; bundled on its own, so it imports nothing of the worker.
 */





/** The bundle must not turn `import()` into a lookup among its own modules. */
const importModule = (url) => import(__rewriteRelativeImportExtension(/* webpackIgnore: true */ url));
/** In bytes. Longer secrets would not fit a mark line and go over the channel alone. */
const MAX_MARK_SECRET = 8_000;
/** What keeps working after its job: such a process is not used again. Idle sockets (keep-alive) are fine. */
const LEFT_RUNNING = new Set(['Timeout', 'Immediate', 'ProcessWrap', 'Worker']);
if (process.send === undefined) {
    process.stderr.write('This file is started by cloud-jobs, not by hand.\n');
    process.exit(64);
}
// Kept from here on, whatever a handler does to the globals. `process.send` is taken away: libraries that find
// it talk to a parent that does not know them.
const channel = process.send.bind(process);
Reflect.deleteProperty(process, 'send');
const writeOut = process.stdout.write.bind(process.stdout);
const writeErr = process.stderr.write.bind(process.stderr);
const immediate = setImmediate;
const home = { cwd: process.cwd(), env: { ...process.env } };
const owner = new external_node_async_hooks_namespaceObject.AsyncLocalStorage();
let current = null;
installShim();
process.stdout.on('error', () => { });
process.stderr.on('error', () => { });
process.on('message', (message) => {
    if (message.type === 'abort')
        abort(message);
    else
        void start(message);
});
// The worker is gone: nobody will take the result, and nobody else would stop this process.
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => fault(error, 'An error was thrown outside of the handler’s promise: '));
process.on('unhandledRejection', (error) => fault(error, 'A promise was rejected and nobody handled it: '));
async function start(request) {
    const mine = { request, controller: new AbortController(), ended: false, disturbed: false };
    current = mine;
    mark(request.run, { kind: 'begin' });
    let outcome;
    let reusable = true;
    try {
        const loaded = await owner.run(request.run, () => load(request));
        if ('failed' in loaded) {
            outcome = loaded.failed;
            // Node remembers a module that failed to load, so the next attempt needs a process that does not.
            reusable = false;
        }
        else {
            outcome = await owner.run(request.run, () => perform(mine, loaded.handler));
        }
    }
    catch (error) {
        outcome = failureOf(error, 'error');
    }
    // A rejection that nobody handles shows itself only when the microtasks have run.
    await new Promise((resolve) => immediate(resolve));
    end(mine, outcome, reusable);
}
async function load(request) {
    try {
        return { handler: handlerOf(await importModule(request.url), request.name) };
    }
    catch (error) {
        const failed = error instanceof NoHandlerError
            ? { outcome: 'failure', kind: 'error', message: error.message }
            : loadFailure(error, request.name, lastLoadedUrl());
        return { failed };
    }
}
async function perform(mine, handler) {
    const { request, controller } = mine;
    const config = await checkConfig(handler.schema, request.config, request.name);
    if ('refused' in config)
        return config.refused;
    if (request.type === 'check' || request.job === null)
        return { outcome: 'success', result: null };
    const { run, job, idempotencyKey } = request;
    const running = createContext({
        job,
        idempotencyKey,
        signal: controller.signal,
        sendProgress: (progress) => send({ type: 'progress', run, progress }),
        sendSecret: (value) => {
            // In the output, ahead of whatever is printed after it, and over the channel for what is not printed.
            if (Buffer.byteLength(value) <= MAX_MARK_SECRET)
                mark(run, { kind: 'secret', value });
            send({ type: 'secret', run, value });
        },
    });
    try {
        return running.outcomeOf(await handler.run(config.value, running.context));
    }
    catch (error) {
        return running.thrownOutcome(error) ?? failureOf(error, 'error');
    }
    finally {
        running.close();
    }
}
function end(mine, ended, reusable) {
    let outcome = ended;
    if (mine.ended)
        return;
    mine.ended = true;
    if (current === mine)
        current = null;
    const { run } = mine.request;
    const exitCode = Number(process.exitCode ?? 0);
    if (outcome.outcome === 'success' && exitCode !== 0) {
        // How a script says that it failed. Read here, since a process that runs on has no other end.
        outcome = {
            outcome: 'failure',
            kind: 'error',
            message: `The handler set process.exitCode to ${process.exitCode}, as a script does that failed. Throw an error instead, so that it can say why.`,
        };
    }
    const clean = restore() && !process.getActiveResourcesInfo().some((name) => LEFT_RUNNING.has(name));
    mark(run, { kind: 'end' });
    send({
        type: 'end',
        run,
        outcome,
        reusable: reusable && clean && !mine.disturbed && !mine.controller.signal.aborted,
    });
}
/** An error outside of any await. It belongs to the job whose asynchronous context it came from. */
function fault(error, prefix) {
    const cause = owner.getStore();
    if (current === null)
        process.exit(1);
    if (cause === undefined || cause === current.request.run) {
        end(current, failureOf(error, 'crashed', prefix), false);
        return;
    }
    current.disturbed = true;
    writeErr(`cloud-jobs: something that an earlier job left running failed: ${failureOf(error, 'error').message}\n`);
}
function abort(request) {
    if (current?.request.run !== request.run)
        return;
    const reason = Object.assign(new Error(request.message), { abortCause: request.abortCause });
    reason.name = 'StopReason';
    // A listener that throws is the handler's fault, which the context of the run attributes to it.
    const { controller } = current;
    owner.run(request.run, () => controller.abort(reason));
}
/** Puts back what one handler may have changed for the next. False when it cannot be put back. */
function restore() {
    try {
        process.chdir(home.cwd);
        for (const name of Object.keys(process.env))
            if (!Object.hasOwn(home.env, name))
                delete process.env[name];
        for (const [name, value] of Object.entries(home.env)) {
            if (process.env[name] !== value)
                process.env[name] = value;
        }
        process.exitCode = undefined;
        return true;
    }
    catch {
        return false;
    }
}
function mark(run, what) {
    const text = encodeMark(run, what);
    writeOut(text);
    writeErr(text);
}
function send(message) {
    // The callback takes the error of a channel that is closed: `disconnect` ends this process anyway.
    channel(message, () => { });
}

