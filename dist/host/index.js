import { createRequire as __WEBPACK_EXTERNAL_createRequire } from "module";
var __webpack_exports__ = {};

;// CONCATENATED MODULE: external "node:async_hooks"
const external_node_async_hooks_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:async_hooks");
;// CONCATENATED MODULE: external "node:net"
const external_node_net_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:net");
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

;// CONCATENATED MODULE: ./lib/src/handlers/custom/json.js
/** Values of handlers as JSON: results, which are refused unless they are JSON, and the properties of errors, which are cut to fit. */


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
    const unstorable = (what) => new NotJsonError(`${shortened(path)} is text with ${what}, which Postgres cannot store.`);
    if (text.includes('\0'))
        throw unstorable('a NUL character');
    if (!text.isWellFormed())
        throw unstorable('half a surrogate pair (a character cut in two)');
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
    const not = what.startsWith('nested') ? '' : ', which is not JSON';
    return new NotJsonError(`${shortened(path)} is ${what}${not}${more}.`);
}
/** The start and the end of a path that would push out the reason. */
function shortened(path) {
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
    spend(text = 0) {
        this.#values -= 1;
        this.#text -= text;
        return this.#values >= 0 && this.#text >= 0;
    }
}
/** The own properties of an error, its cause and the errors of an `AggregateError`, nested in the same way. */
function errorProperties(error) {
    return properties(error, new Budget(), [error]);
}
function properties(object, budget, above) {
    const kept = {};
    const isError = external_node_util_namespaceObject.types.isNativeError(object);
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
function detailOf(value, budget, above) {
    if (!budget.spend(typeof value === 'string' ? Math.min(value.length, MAX_TEXT) : 0))
        return undefined;
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
function objectDetail(value, budget, above) {
    if (above.includes(value))
        return '[circular]';
    if (above.length > DETAIL_DEPTH)
        return '[nested too deeply]';
    const inside = [...above, value];
    if (external_node_util_namespaceObject.types.isDate(value))
        return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (ArrayBuffer.isView(value) || external_node_util_namespaceObject.types.isAnyArrayBuffer(value))
        return `[${value.byteLength} bytes]`;
    if (external_node_util_namespaceObject.types.isMap(value))
        return objectDetail(Object.fromEntries([...value].slice(0, MAX_KEYS + 1)), budget, above);
    if (external_node_util_namespaceObject.types.isSet(value))
        return objectDetail([...value].slice(0, MAX_KEYS + 1), budget, above);
    if (Array.isArray(value)) {
        const items = value.slice(0, MAX_KEYS).map((item) => detailOf(item, budget, inside) ?? null);
        return value.length > MAX_KEYS ? [...items, `… ${value.length - MAX_KEYS} more`] : items;
    }
    const inner = properties(value, budget, inside);
    if (!external_node_util_namespaceObject.types.isNativeError(value))
        return inner;
    const { name, message } = value;
    return { name: clip(String(name)), message: clip(String(message)), ...inner };
}
/** A getter of the handler's may throw. */
function propertyOf(object, key) {
    try {
        return object[key];
    }
    catch {
        return '[a getter that throws]';
    }
}
function clip(text) {
    const stored = storableText(text.length > MAX_TEXT ? text.slice(0, MAX_TEXT) : text);
    return text.length > MAX_TEXT ? `${stored}… [cut]` : stored;
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-steps.js


/** The durable part of a handler's context: steps, pauses, events, and what its parents returned. */
const MAX_NAME = 200;
const MAX_SECONDS = 365 * 24 * 60 * 60;
const { parse, stringify } = JSON;
/** The name of the step whose function runs. */
const inside = new external_node_async_hooks_namespaceObject.AsyncLocalStorage();
/**
 * Refuses a call that has no effect once the step that makes it is finished, or that would wait for that step to end.
 * @throws Error
 */
function refuseInsideStep(call) {
    const name = inside.getStore();
    if (name === undefined)
        return;
    throw new Error(`context.${call} was called inside the step ${stringify(name)}, which a later attempt does not run again. Call it before or after that step.`);
}
/** The part of the context that outlives an attempt. Its functions work without the context: `const { step } = context`. */
function createSteps(options) {
    const steps = new Steps(options);
    return {
        parents: parentsOf(options.memory.parents),
        // The handler's own type: what a step returned is JSON, and comes back the same.
        step: async (name, run) => {
            refuseInsideStep('step');
            return (await steps.step(name, run));
        },
        sleep: async (name, length) => {
            refuseInsideStep('sleep');
            return await steps.sleep(name, length);
        },
        waitFor: async (name, { timeoutDays } = {}) => {
            refuseInsideStep('waitFor');
            return await steps.waitFor(name, timeoutDays);
        },
        approval: async (approval) => {
            refuseInsideStep('approval');
            return await steps.approval(approval);
        },
    };
}
class Steps {
    #ask;
    #end;
    /** Results of steps that earlier attempts finished. */
    #finished;
    #usedNames = new Set();
    #running = 0;
    #hasRunOne = false;
    #pause = null;
    constructor({ memory, ask, end }) {
        this.#ask = ask;
        this.#end = end;
        this.#finished = new Map(memory.steps.map(({ name, result }) => [name, result]));
    }
    async step(given, run) {
        const name = this.#claimName(given);
        if (typeof run !== 'function')
            throw new TypeError(`context.step(${stringify(name)}, …) needs a function.`);
        const known = this.#finished.get(name);
        if (known !== undefined)
            return host_steps_copy(known);
        const { pause: mustPause } = await this.#ask({ what: 'begin', name });
        // Each attempt runs at least one step, so that the job comes to its end however short the runs are.
        if (mustPause && this.#hasRunOne)
            return await this.#pauseJob(0, `The time budget of the run was over before the step ${stringify(name)}.`);
        this.#running += 1;
        this.#hasRunOne = true;
        try {
            const started = performance.now();
            const returned = await inside.run(name, run);
            const result = returned === undefined ? null : asJson(returned, `the result of the step ${stringify(name)}`);
            const seconds = (performance.now() - started) / 1000;
            return (await this.#ask({ what: 'save', name, result, seconds })).result;
        }
        finally {
            this.#running -= 1;
            this.#endIfIdle();
        }
    }
    async sleep(given, length) {
        const name = this.#claimName(given);
        await this.#wait({ name, kind: 'sleep', seconds: secondsOf(length) }, `Sleeps in ${stringify(name)}.`);
    }
    async waitFor(given, timeoutDays) {
        const name = this.#claimName(given);
        const seconds = timeoutOf('waitFor', timeoutDays);
        return await this.#wait({ name, kind: 'event', seconds }, `Waits for ${stringify(name)}.`);
    }
    async approval(asked) {
        const { title, details, name: given = 'approval', timeoutDays } = asked;
        const name = this.#claimName(given);
        if (typeof title !== 'string' || title.trim() === '')
            throw new TypeError('context.approval needs a title.');
        const shown = asJson({ title, ...(details !== undefined && { details }) }, 'what the approval shows');
        const seconds = timeoutOf('approval', timeoutDays);
        const wait = { name, kind: 'event', seconds, details: shown };
        return approvalOf(await this.#wait(wait, `Waits for an approval: ${title}`));
    }
    #claimName(name) {
        if (typeof name !== 'string' || name.trim() === '' || name.length > MAX_NAME)
            throw new TypeError(`A step needs a name of 1 to ${MAX_NAME} characters, not ${String(name)}.`);
        if (this.#usedNames.has(name))
            throw new Error(`The name ${stringify(name)} is used by two steps of this job. Give each step a name of its own, such as ${stringify(`${name} 2`)}.`);
        this.#usedNames.add(name);
        return name;
    }
    /** @param reason why the job is not running meanwhile, for people */
    async #wait(wait, reason) {
        const known = this.#finished.get(wait.name);
        if (known !== undefined)
            return host_steps_copy(known);
        const answer = await this.#ask({ what: 'wait', ...wait });
        return answer.done ? answer.result : await this.#pauseJob(answer.waitSeconds, reason);
    }
    /** Ends the attempt once no step runs. The promise never settles: the handler's code does not go on. */
    #pauseJob(seconds, reason) {
        if (this.#pause === null || seconds < this.#pause.seconds)
            this.#pause = { seconds, reason };
        this.#endIfIdle();
        return new Promise(() => { });
    }
    #endIfIdle() {
        if (this.#pause !== null && this.#running === 0)
            this.#end({ outcome: 'pause', ...this.#pause });
    }
}
const host_steps_copy = (value) => parse(stringify(value));
/** An event of any form as an answer: only `approved: true` is a yes. */
function approvalOf(event) {
    const { approved, by, note } = Object(event);
    return {
        approved: approved === true,
        by: typeof by === 'string' ? by : null,
        note: typeof note === 'string' ? note : null,
        timedOut: event === null,
    };
}
function parentsOf(list) {
    const parents = Object.create(null);
    for (const { ref, job_id: jobId, name, status, result, left_out: leftOut = false } of list)
        parents[ref] = Object.freeze({ jobId, name, status, result, leftOut });
    return Object.freeze(parents);
}
function secondsOf(length) {
    const { seconds = 0, minutes = 0, hours = 0, days = 0 } = Object(length);
    const total = Number(seconds) + Number(minutes) * 60 + Number(hours) * 3600 + Number(days) * 86_400;
    if (total > 0 && total <= MAX_SECONDS)
        return total;
    throw new RangeError(`context.sleep takes { seconds, minutes, hours, days }, above 0 and at most a year in all, not ${stringify(length)}.`);
}
function timeoutOf(call, timeoutDays = 7) {
    if (typeof timeoutDays === 'number' && timeoutDays > 0 && timeoutDays <= 365)
        return timeoutDays * 86_400;
    throw new RangeError(`context.${call} takes timeoutDays above 0 and at most 365, not ${String(timeoutDays)}.`);
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/protocol.js
/**
 * What the worker and a host process send each other, over two pipes of their own: one JSON text a line. Node's IPC
 * channel is not used, since it parses what a handler writes to its descriptor and throws where it cannot be caught.
 * `run` is a random name of one job run.
 */
/** The descriptor on which the host reports to the worker. */
const REPORT_FD = 3;
/** The descriptor on which the host reads what the worker asks for. */
const REQUEST_FD = 4;
/** The exit code of a host that can no longer report, because a handler took its descriptor. */
const NO_REPORT_EXIT_CODE = 76;
/** What the database takes as a pause of a queue: 30 days. */
const MAX_PAUSE_SECONDS = 2_592_000;
/** Starts every report and every mark; U+001E is the record separator, with which no sane output begins a line. */
const MARK = '\u001e';
/** What every report of a run begins with. JSON escapes U+001E, so it is nowhere else in a report. */
const reportStart = (run) => `${MARK}${run} `;
const encodeMark = (run, mark) => `\n${MARK}${run} ${mark}\n`;
/** The mark in a line, or null when the line is output. */
function decodeMark(run, line) {
    if (line === `${MARK}${run} begin`)
        return 'begin';
    return line === `${MARK}${run} end` ? 'end' : null;
}
/** The line of output that asks for a warning, in the form that the runner reads as well. */
function warningLine(text) {
    const escaped = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
    return `::warning::${escaped}\n`;
}

;// CONCATENATED MODULE: ./lib/src/standard-schema.js
/** Issues of one config that a message lists. */
const MOST_ISSUES = 20;
/** The issues of a schema, the first ones, with their paths as text. */
function namedIssues(issues) {
    return issues
        .slice(0, MOST_ISSUES)
        .map((issue) => ({ path: pathOf(issue), message: String(issue.message) }));
}
function listIssues(issues) {
    const listed = issues
        .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`))
        .join('; ');
    return listed || 'no reason given';
}
/** What is wrong with a value by a schema, in one line; null if nothing is. */
async function checkAgainst(schema, value) {
    const { issues } = await schema['~standard'].validate(value);
    return issues === undefined ? null : listIssues(namedIssues(issues));
}
function pathOf(issue) {
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

;// CONCATENATED MODULE: ./lib/src/listed-job.js

/** The options of a job, by the names of their columns. */
const COLUMNS = {
    name: 'name',
    ref: 'ref',
    jobId: 'job_id',
    description: 'description',
    queue: 'queue',
    priority: 'priority',
    runAt: 'run_at',
    delaySeconds: 'delay_seconds',
    maxRetries: 'max_retries',
    timeoutSeconds: 'timeout_seconds',
    uniqueKey: 'unique_key',
    onConflict: 'on_conflict',
    concurrencyKey: 'concurrency_key',
    concurrencyLimit: 'concurrency_limit',
    retryDelaySeconds: 'retry_delay_seconds',
    retryFactor: 'retry_factor',
    schedule: 'schedule',
    timezone: 'timezone',
    missed: 'missed',
    missedGraceSeconds: 'missed_grace_seconds',
    expiresAt: 'expires_at',
    expiresInSeconds: 'expires_in_seconds',
    dependsOn: 'depends_on',
    onParentFailure: 'on_parent_failure',
};
/** Pairs of an option and its column. */
const OPTIONS = Object.entries(COLUMNS);
/**
 * A job as the queue takes it. Its config is checked as the worker will check it, so that a mistake shows here and not in a
 * failed run.
 * @param call names the function in errors
 * @throws TypeError
 */
async function newJob({ handler, config = {}, ...options }, call) {
    const name = nameOf(handler, call);
    await checkConfig(handler, config, name);
    const columns = {};
    for (const [option, column] of OPTIONS) {
        const value = options[option];
        if (value !== undefined)
            columns[column] = value instanceof Date ? value.toISOString() : value;
    }
    return { name, ...columns, job_type: 'custom', config: { ...config, handler: name } };
}
function nameOf(handler, call) {
    if (typeof handler === 'string')
        return handler;
    if ('run' in handler && handler.name)
        return handler.name;
    throw new TypeError(`${call}: the handler has no name. Add it (defineHandler({ name: 'report', … })), or give the name as text: enqueue<typeof report>('report', …).`);
}
async function checkConfig(handler, config, name) {
    if (typeof handler === 'string' || !('run' in handler) || handler.config === undefined)
        return;
    const issues = await checkAgainst(handler.config, config);
    if (issues !== null)
        throw new TypeError(`The config does not fit the handler "${name}": ${issues}`);
}

;// CONCATENATED MODULE: ./lib/src/text/describe-error.js
/** The most causes shown: a chain may be long, or circular. */
const MOST_CAUSES = 5;
/** An error as a person reads it: its message, and what caused it, unless the message says that already. */
function describeError(error) {
    let said = '';
    let at = error;
    for (let depth = 0; at !== undefined && at !== null && depth < MOST_CAUSES; depth += 1) {
        const text = at instanceof Error ? at.message || at.name : String(at);
        if (depth === 0)
            said = text;
        else if (!said.includes(text))
            said += ` Caused by: ${text}`;
        at = at instanceof Error ? at.cause : undefined;
    }
    return said;
}
function messageOf(thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
}
/** The code of an error of Node's (`ENOENT`), or an empty text. */
function codeOf(thrown) {
    return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
}

;// CONCATENATED MODULE: ./lib/src/text/nearest.js
/**
 * The one of `words` that was probably meant: at most a third of its letters are inserted, deleted, replaced or
 * swapped. Case, `_` and `-` do not count. @returns null if none is that near
 */
function nearest(word, words) {
    const plain = (text) => text.toLowerCase().replaceAll(/[-_\s]/g, '');
    const wanted = plain(word).slice(0, 60);
    let best = null;
    let bestDistance = Number.POSITIVE_INFINITY;
    for (const candidate of words) {
        const target = plain(candidate);
        const gap = editDistance(wanted, target);
        if (gap < bestDistance && gap <= Math.max(1, Math.floor(target.length / 3))) {
            best = candidate;
            bestDistance = gap;
        }
    }
    return best;
}
/**
 * How many letters have to be put in, taken out, replaced or swapped with their neighbour to make `b` of `a`
 * (optimal string alignment: no letter is changed twice).
 */
function editDistance(a, b) {
    let before = [];
    let last = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (let i = 1; i <= a.length; i++) {
        const row = [i];
        for (let j = 1; j <= b.length; j++) {
            const same = a[i - 1] === b[j - 1] ? 0 : 1;
            let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
            if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
                cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
            }
            row.push(cost);
        }
        before = last;
        last = row;
    }
    return last[b.length] ?? 0;
}

;// CONCATENATED MODULE: ./lib/src/text/json-fault.js
/** Deeper values cannot be written by everything that has to: JSON.stringify recurses, and so does Postgres. */
const json_fault_MAX_DEPTH = 200;
/** Whether a value is nested more than 200 levels deep. No depth is too much for this function. */
function isTooDeep(value) {
    const left = [[value, 1]];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [found, depth] = next;
        if (found === null || typeof found !== 'object')
            continue;
        if (depth > json_fault_MAX_DEPTH)
            return true;
        for (const inner of Object.values(found))
            left.push([inner, depth + 1]);
    }
    return false;
}
const json_fault_parse = JSON.parse;
/**
 * Why JSON text could not be kept as it is: as `jsonFault`, and numbers of any length that JavaScript would round.
 * @throws SyntaxError if it is no JSON
 */
function jsonTextFault(text) {
    // First without a reviver, which recurses.
    return (jsonFault(JSON.parse(text)) ??
        jsonFault(json_fault_parse(text, (_, value, { source = '' }) => typeof value === 'number' && isRoundedBy(source, value) ? BigInt(Math.trunc(value)) : value)));
}
/** Whether a number beyond 2^53 was written with other digits than those that it is kept with. */
function isRoundedBy(source, value) {
    return Math.abs(value) > Number.MAX_SAFE_INTEGER && digitsOf(source) !== digitsOf(String(value));
}
/** The digits of a number without its sign, its point, its exponent and the zeros around it. */
const digitsOf = (number) => number
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '');
/**
 * Why a parsed value could not be kept as it is, to be read after the name of the value, or null. The path of the
 * fault is part of it. No depth is too much for this function.
 */
function jsonFault(value) {
    const left = [[value, 1, '']];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const [found, depth, path] = next;
        const fault = valueFault(found);
        if (fault !== null)
            return `holds ${fault.what}${path === '' ? '' : ` at ${path}`}${fault.why}`;
        if (found === null || typeof found !== 'object')
            continue;
        if (depth > json_fault_MAX_DEPTH)
            return `is nested more than ${json_fault_MAX_DEPTH} levels deep`;
        for (const [key, inner] of Object.entries(found)) {
            const fault = textFault(key);
            if (fault !== null)
                return `holds ${fault.what} in a key${fault.why}`;
            left.push([inner, depth + 1, json_fault_pathOf(path, key, Array.isArray(found))]);
        }
    }
    return null;
}
function json_fault_pathOf(path, key, isIndex) {
    if (isIndex)
        return `${path}[${key}]`;
    return path === '' ? key.slice(0, 100) : `${path}.${key.slice(0, 100)}`;
}
function valueFault(value) {
    if (typeof value === 'string')
        return textFault(value);
    if (typeof value === 'bigint')
        return Number.isSafeInteger(Number(value)) ? null : rounded(value);
    if (typeof value !== 'number')
        return null;
    if (Number.isNaN(value))
        return { what: 'NaN', why: ', which JSON cannot express' };
    if (!Number.isFinite(value))
        return { what: 'a number that is too large', why: '' };
    return isRounded(value) ? rounded(value) : null;
}
function rounded(value) {
    const why = `, which JavaScript cannot keep exactly (beyond ${Number.MAX_SAFE_INTEGER}): write it as text`;
    return { what: `the number ${String(value).slice(0, 100)}`, why };
}
/** Whole numbers that JSON writes digit by digit and that may have been others before they were parsed: ids, mostly. */
function isRounded(value) {
    return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21;
}
/** What Postgres cannot store. */
function textFault(text) {
    const why = ', which cannot be stored';
    if (text.includes('\0'))
        return { what: 'a NUL character (\\u0000)', why };
    return text.isWellFormed() ? null : { what: 'half of a surrogate pair', why };
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/config.js


/**
 * A custom job that cannot be started. If `final`, its name can never be right, and it is
 * discarded. Otherwise it is retried: a file that is missing today may be there after the next deploy.
 */
class CustomHandlerError extends Error {
    name = 'CustomHandlerError';
    final;
    constructor(message, options) {
        super(message, options.cause === undefined ? undefined : { cause: options.cause });
        this.final = options.final;
    }
    /** The outcome that says the same to the worker. */
    toOutcome() {
        return this.final
            ? { outcome: 'discard', reason: this.message }
            : { outcome: 'failure', kind: 'error', message: this.message };
    }
}
const EXAMPLE = '{"handler": "report"}';
/**
 * Takes the config of a custom job apart and refuses names that could never be a file of the handlers folder.
 * Looks at text only: what is on disk is checked by `locateHandler`.
 * @throws CustomHandlerError with `final` true.
 */
function readCustomConfig(config) {
    if (config === null || typeof config !== 'object' || Array.isArray(config)) {
        throw config_refuse(`The config of a custom job must be a JSON object that names a handler, such as ${EXAMPLE}.`);
    }
    const { handler, ...rest } = config;
    if (handler === undefined) {
        throw config_refuse(`The config of this custom job names no handler. Add one, such as ${EXAMPLE}.`);
    }
    if (typeof handler !== 'string') {
        throw config_refuse(`config.handler must be text, such as ${EXAMPLE}; it is ${(0,external_node_util_namespaceObject.inspect)(handler, { depth: 0 })}.`);
    }
    const name = checkName(handler);
    // A number that is rounded by now, and what cannot be sent to a handler or is too deep for it.
    const fault = jsonFault(rest);
    if (fault !== null)
        throw config_refuse(`The config of this custom job ${fault}.`);
    return { handler: name, rest };
}
function checkName(given) {
    const shown = JSON.stringify(given.length > 200 ? `${given.slice(0, 200)}…` : given);
    const because = (why) => config_refuse(`config.handler is ${shown}: ${why}. Give a name relative to the handlers folder, such as "report".`);
    if (given.trim() === '')
        throw because('it is empty');
    if (given.length > 500)
        throw because('it is longer than 500 characters');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
    if (/[\u0000-\u001f\u007f]/.test(given))
        throw because('it contains a control character');
    if (given.includes('\\'))
        throw because('it contains a backslash (parts are joined with /)');
    if (given.startsWith('/') || /^[A-Za-z]:/.test(given))
        throw because('it is an absolute path');
    const name = given.startsWith('./') ? given.slice(2) : given;
    const parts = name.split('/');
    if (parts.includes('..'))
        throw because('it leads out of the folder with ".."');
    if (parts.some((part) => part === '' || part === '.'))
        throw because('it has an empty part');
    return name;
}
function config_refuse(message) {
    return new CustomHandlerError(message, { final: true });
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/spawn.js
/** The jobs that an attempt spawns: what `context.spawn` and the file CLOUD_JOBS_SPAWN ask for, as the queue takes it. */





/** What the database takes of one attempt. */
const MAX_JOBS = 5_000;
const MAX_BYTES = 4 * 1024 * 1024;
/** Every run of the handler would add one more recurring job, and nothing can wait for one. */
const NOT_SPAWNED = ['jobId', 'schedule', 'timezone'];
const KNOWN = OPTIONS.filter(([option]) => !NOT_SPAWNED.includes(option));
const spawn_EXAMPLE = '{"handler": "page", "config": {"n": 1}}';
const { parse: spawn_parse, stringify: spawn_stringify } = JSON;
/** Collects what is spawned until the attempt ends; it counts only if that ends with success. */
class Spawned {
    #jobs = [];
    #pending = [];
    #bytes = 0;
    /**
     * What `context.spawn` does: keeps all of the jobs, or none if it rejects.
     * @throws TypeError for what is no job, RangeError for too many
     */
    spawn(jobs, options) {
        const added = this.#addGiven(jobs, options);
        // For a handler that does not wait for it.
        this.#pending.push(added.catch(() => { }));
        // A promise of its own: if nobody handles its rejection, the attempt fails.
        return added.then(() => { });
    }
    /** All jobs, once every call has ended. */
    async jobs() {
        // A handler may have replaced Promise.
        for (let i = 0; i < this.#pending.length; i += 1)
            await this.#pending[i];
        return this.#jobs;
    }
    async #addGiven(jobs, options) {
        if (!Array.isArray(jobs))
            throw new TypeError(`context.spawn takes a list of jobs: [${spawn_EXAMPLE}].`);
        const { then: collector, ...other } = Object(options);
        const wrong = Object.keys(other)[0];
        if (wrong !== undefined)
            throw new TypeError(`context.spawn has no option ${spawn_stringify(wrong)}: it takes { then: { handler, config } }.`);
        const names = KNOWN.map(([option]) => option);
        const listed = await Promise.all(jobs.map((job, index) => read(job, names, `context.spawn: job ${index + 1}`)));
        const last = collector === undefined ? null : await read(collector, names, 'context.spawn: the job in then');
        this.#add([{ jobs: listed, collector: last }]);
    }
    /**
     * Adds what the lines of CLOUD_JOBS_SPAWN say: a job each, by the names of the columns, and `{"then": {…}}` for one that starts
     * when the jobs of the lines before it have succeeded, from the `then` before on.
     * @throws Error that names the line
     */
    async addLines(text) {
        const groups = [];
        let jobs = [];
        const names = KNOWN.map(([, column]) => column);
        for (const [index, line] of text.split('\n').entries()) {
            if (line.trim() === '')
                continue;
            const where = `Line ${index + 1} of CLOUD_JOBS_SPAWN`;
            const given = parseLine(line, where);
            if (given !== null && typeof given === 'object' && Object.keys(given).join() === 'then') {
                const collector = await read(given.then, names, where);
                groups.push({ jobs, collector });
                jobs = [];
            }
            else
                jobs.push(await read(given, names, where));
        }
        this.#add([...groups, { jobs, collector: null }]);
    }
    #add(groups) {
        const fresh = [];
        for (const { jobs, collector } of groups) {
            const refs = [];
            for (const job of jobs) {
                const ref = job.ref ?? `_${this.#jobs.length + fresh.length + 1}`;
                refs.push(ref);
                fresh.push({ ...job, ref });
            }
            if (collector !== null)
                fresh.push({ ...collector, depends_on: [...new Set([...refs, ...(collector.depends_on ?? [])])] });
        }
        const bytes = this.#bytes + Buffer.byteLength(spawn_stringify(fresh));
        if (this.#jobs.length + fresh.length > MAX_JOBS || bytes > MAX_BYTES)
            throw new RangeError(`An attempt can spawn up to ${MAX_JOBS} jobs, of ${MAX_BYTES} bytes of JSON in all. Let the jobs that it spawns spawn more.`);
        this.#bytes = bytes;
        for (const job of fresh)
            this.#jobs.push(job);
    }
}
function parseLine(line, where) {
    try {
        return spawn_parse(line);
    }
    catch (error) {
        throw new Error(`${where} is not JSON.`, { cause: error });
    }
}
/**
 * One job as the queue takes it.
 * @param names what a job may have besides `handler` and `config`
 * @throws TypeError that begins with `where`
 */
async function read(given, names, where) {
    if (typeof given !== 'object' || given === null || Array.isArray(given))
        throw new TypeError(`${where} is no job. Write an object such as ${spawn_EXAMPLE}.`);
    const { handler, config = {}, ...rest } = given;
    const wrong = Object.keys(rest).find((key) => !names.includes(key));
    if (wrong !== undefined) {
        const near = nearest(wrong, names);
        const hint = near === null ? `Known are: handler, config, ${names.join(', ')}.` : `Did you mean ${near}?`;
        throw new TypeError(`${where} has ${spawn_stringify(wrong)}, which is not known here. ${hint}`);
    }
    if (!['string', 'object', 'function'].includes(typeof handler) || handler === null)
        throw new TypeError(`${where} names no handler. Write an object such as ${spawn_EXAMPLE}.`);
    if (typeof config !== 'object' || config === null || Array.isArray(config))
        throw new TypeError(`${where} has a config that is no object.`);
    const options = KNOWN.map(([option, column]) => [option, rest[names.includes(option) ? option : column]]);
    try {
        const job = await newJob({ ...Object.fromEntries(options), handler, config }, 'spawn');
        const { depends_on: parents = [], ref } = job;
        if (!Array.isArray(parents))
            throw new TypeError('its dependsOn is no list');
        if (/^_\d+$/.test(String(ref)))
            throw new TypeError(`its ref ${ref} is one that jobs without a ref get: begin it with a letter`);
        readCustomConfig(job.config ?? null);
        return asJson(job, 'its job');
    }
    catch (error) {
        throw new TypeError(`${where} cannot be spawned: ${messageOf(error)}`, { cause: error });
    }
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-context.js






/** Bounds the message to the worker, which keeps far less and cuts after secrets are taken out. */
const host_context_MAX_TEXT = 262_144;
/** The redactor leaves shorter values alone: they are words. */
const SHORTEST_SECRET = 6;
/** Far above any key or certificate; each secret is looked for in everything that is printed. */
const LONGEST_SECRET = 65_536;
const MAX_SNOOZE_MINUTES = 365 * 24 * 60;
/** Progress travels at most this often, however often it is reported. */
const PROGRESS_EVERY_MS = 100;
/** Builds what a handler gets as its second argument. */
function createContext(options) {
    // Known by identity: nothing that a handler builds by itself can be taken for one.
    const endings = [];
    const askedFor = (value) => {
        // By a plain loop: a handler may have replaced the methods of lists.
        for (let i = 0; i < endings.length; i++)
            if (endings[i]?.token === value)
                return endings[i]?.outcome ?? null;
        return null;
    };
    const ending = (outcome, call) => {
        const token = Object.freeze({ endsTheJob: call });
        endings[endings.length] = { token, outcome, call };
        return token;
    };
    const progress = throttledProgress(options.sendProgress);
    const spawned = new Spawned();
    const context = Object.freeze({
        job: deepFreeze(options.job),
        attempt: options.job.attempt,
        idempotencyKey: options.idempotencyKey,
        signal: options.signal,
        ...createSteps(options.steps),
        spawn: async (jobs, given) => {
            refuseInsideStep('spawn');
            await spawned.spawn(jobs, given);
        },
        log: Object.freeze({
            info: (...values) => void process.stdout.write(`${(0,external_node_util_namespaceObject.format)(...values)}\n`),
            warn: (...values) => void process.stderr.write(warningLine((0,external_node_util_namespaceObject.format)(...values))),
            error: (...values) => void process.stderr.write(`error: ${(0,external_node_util_namespaceObject.format)(...values)}\n`),
        }),
        progress: (done, total, note) => progress.report(asProgress(done, total, note)),
        secret: (value) => {
            if (typeof value !== 'string')
                throw new TypeError(`context.secret takes text, not ${typeof value}.`);
            if (value.length > LONGEST_SECRET) {
                throw new RangeError(`context.secret takes up to ${LONGEST_SECRET} characters, and this value has ${value.length}. Give it the parts that are secret.`);
            }
            if (value !== '')
                options.sendSecret(value);
            if (value.trim().length < SHORTEST_SECRET) {
                process.stderr.write(`warning: context.secret hides values of ${SHORTEST_SECRET} characters and more; this one is shorter and is not hidden.\n`);
            }
        },
        pauseQueue: (given) => options.sendQueuePause(queuePause(given)),
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
        async outcomeOf(returned) {
            const asked = askedFor(returned);
            if (asked !== null)
                return asked;
            const unused = endings[0];
            // Whatever was returned in its place: to take it for a success would hide what the handler asked for.
            if (unused !== undefined) {
                throw new TypeError(`context.${unused.call}(…) was called, but its value was not returned, so it had no effect. ` +
                    `Write "return context.${unused.call}(…)".`);
            }
            const result = returned === undefined ? null : asJson(returned);
            const spawn = await spawned.jobs();
            return { outcome: 'success', result, ...(spawn.length > 0 && { spawn }) };
        },
        thrownOutcome: askedFor,
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
function queuePause(given) {
    const { minutes, reason } = Object(given);
    const most = MAX_PAUSE_SECONDS / 60;
    if (typeof minutes !== 'number' || !(minutes > 0 && minutes <= most)) {
        throw new RangeError(`context.pauseQueue takes { minutes } above 0 and at most ${most} (30 days), not ${String(minutes)}.`);
    }
    const why = typeof reason === 'string' && reason.trim() !== '' ? reason : 'a handler asked for it';
    return { seconds: Math.max(1, Math.round(minutes * 60)), reason: clean(why) };
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
    return stored.length > host_context_MAX_TEXT ? `${stored.slice(0, host_context_MAX_TEXT).toWellFormed()}…` : stored;
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
;// CONCATENATED MODULE: external "node:fs"
const external_node_fs_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:fs");
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
/** Codes of an import that Node does not resolve. */
const NOT_FOUND = new Set([
    'ERR_MODULE_NOT_FOUND',
    'MODULE_NOT_FOUND',
    'ERR_UNSUPPORTED_DIR_IMPORT',
    'ERR_PACKAGE_IMPORT_NOT_DEFINED',
]);
/** What a missing import of a file may have meant. */
const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'];
/** Where this code lies, taken at the start: a handler may change `process.argv`. */
const HERE = (0,external_node_path_namespaceObject.dirname)(process.argv[1] ?? '');
const HOME = process.cwd();
/**
 * Whatever a handler threw, as a failure: its message with its causes and the place in the handler's own files, and as
 * details its stack and its properties.
 */
function failureOf(thrown, kind, prefix = '') {
    const place = firstOwnFrame(thrown);
    const [first = '', ...more] = (prefix + host_error_messageOf(thrown)).split('\n');
    const message = [place === null ? first : `${first} (${place})`, ...more].join('\n');
    const details = place === null ? {} : { at: place };
    if (external_node_util_namespaceObject.types.isNativeError(thrown)) {
        const stack = host_error_read(() => thrown.stack);
        if (typeof stack === 'string')
            details.stack = host_error_clip(ownFrames(stack));
        Object.assign(details, errorProperties(thrown));
    }
    const hasDetails = Object.keys(details).length > 0;
    return { outcome: 'failure', kind, message: host_error_clip(message), ...(hasDetails ? { details } : {}) };
}
/**
 * One line about an error and its causes (`fetch failed` alone says too little); at most three levels deep, without a cause
 * that the message holds already.
 */
function host_error_messageOf(thrown, depth = 0) {
    if (!(thrown instanceof Error))
        return `a thrown value that is no Error: ${host_error_read(() => (0,external_node_util_namespaceObject.inspect)(thrown, { depth: 2 }))}`;
    const { name, message } = namesOf(thrown);
    const named = name === 'Error' || name === '' ? message : `${name}: ${message}`;
    const parts = [message === '' ? name : named];
    if (depth < 3 && thrown instanceof AggregateError) {
        parts.push(...thrown.errors.slice(0, 5).map((error) => host_error_messageOf(error, depth + 1)));
    }
    const cause = unsaidCause(thrown, message);
    if (depth < 3 && cause !== undefined)
        parts.push(`caused by: ${host_error_messageOf(cause, depth + 1)}`);
    return parts.join('; ');
}
/** The nearest cause of an error that says more than its message. */
function unsaidCause(error, message) {
    let cause = host_error_read(() => error.cause);
    for (let hops = 0; cause instanceof Error && hops < 3; hops += 1) {
        const said = namesOf(cause).message;
        if (said === '' || !message.includes(said))
            return cause;
        const known = cause;
        cause = host_error_read(() => known.cause);
    }
    return cause instanceof Error ? undefined : cause;
}
function namesOf(error) {
    const text = (value) => (typeof value === 'string' ? value : '');
    return { name: text(host_error_read(() => error.name)), message: text(host_error_read(() => error.message)) };
}
/** The value of a property that may be a getter of the handler's, which may throw. */
function host_error_read(get) {
    try {
        return get();
    }
    catch {
        return undefined;
    }
}
/**
 * Why a module did not load, with the place when it is a syntax error.
 * @param lastUrl The module that Node loaded last: for an ES module's syntax error, the one at fault, since V8's
 *   error then carries no place.
 * @param missing The import that was not found last.
 */
function loadFailure(thrown, name, lastUrl, missing) {
    const failure = failureOf(thrown, 'error');
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
    const place = thrown instanceof Error ? syntaxPlace(thrown, lastUrl) : null;
    const at = place === null ? '' : ` (${place})`;
    let why = `${failure.message}${at}`;
    if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
        why =
            `it uses TypeScript that Node cannot strip${at}: ${thrown.message}. Only types are taken out, so ` +
                'enums, namespaces with code and parameter properties do not work; use a const object in place of an enum.';
    }
    else if (missing !== null && typeof code === 'string' && NOT_FOUND.has(code)) {
        why += `. ${missingAdvice(missing)}`;
    }
    else if (place !== null && isModuleTakenForCommonJs(thrown)) {
        why += `. ${commonJsAdvice(place)}`;
    }
    return { ...failure, message: host_error_clip(`The handler "${name}" cannot be loaded: ${why}`) };
}
/** Whether an ES module was read as CommonJS. */
function isModuleTakenForCommonJs(thrown) {
    return (thrown instanceof SyntaxError && /outside a module$|^Unexpected token 'export'$/.test(thrown.message));
}
/** @param place `file:line` of the import or export */
function commonJsAdvice(place) {
    const file = place.replace(/:\d+$/, '');
    const renamed = (0,external_node_path_namespaceObject.basename)(file).replace(/\.c?([jt]s)x?$/, '.m$1');
    const set = /\.c[jt]s$/.test(file) ? '' : ', or set "type": "module" in package.json';
    return `Node reads this file as CommonJS. Rename it to ${renamed}${set}`;
}
/** `file:line` of a syntax error, relative to the working directory when below it. */
function syntaxPlace(error, lastUrl) {
    const header = /^(\S.*):(\d+)\n/;
    let found = header.exec(error.stack ?? '');
    if (found === null && error.stack?.includes('compileSourceTextModule') && lastUrl?.startsWith('file:')) {
        const check = (0,external_node_child_process_namespaceObject.spawnSync)(process.execPath, ['--check', (0,external_node_url_namespaceObject.fileURLToPath)(lastUrl)], {
            encoding: 'utf8',
            timeout: 10_000,
        });
        found = header.exec(check.stderr);
    }
    return found === null ? null : `${near(found[1] ?? '')}:${found[2]}`;
}
/** `file:line` of the first frame of the stack in a file of the user's own, or null. */
function firstOwnFrame(thrown) {
    const stack = external_node_util_namespaceObject.types.isNativeError(thrown) ? host_error_read(() => thrown.stack) : undefined;
    if (typeof stack !== 'string')
        return null;
    for (const line of stack.split('\n')) {
        const [, file, row] = /^\s+at (?:.*\()?(file:\/\/[^)]*|\/[^)]*|[A-Za-z]:[\\/][^)]*):(\d+):\d+\)?$/.exec(line) ?? [];
        if (file === undefined || isOurs(line) || line.includes('/node_modules/'))
            continue;
        return `${near(file)}:${row}`;
    }
    return null;
}
function ownFrames(stack) {
    return stack
        .split('\n')
        .filter((line) => !/^\s+at /.test(line) || !isOurs(line))
        .join('\n');
}
const isOurs = (line) => line.includes('node:internal') || line.includes(HERE);
/** A path or file: URL, relative to the working directory when below it. */
function near(file) {
    const path = file.startsWith('file:') ? (0,external_node_url_namespaceObject.fileURLToPath)(file) : file;
    const fromHome = (0,external_node_path_namespaceObject.relative)(HOME, path);
    return fromHome === '' || fromHome.startsWith('..') ? path : fromHome;
}
function host_error_clip(text) {
    const stored = storableText(text);
    return stored.length > host_error_MAX_TEXT ? `${stored.slice(0, host_error_MAX_TEXT).toWellFormed()}… [cut]` : stored;
}
/** What the author can do about an import that was not found, as a sentence without its full stop. */
function missingAdvice({ specifier, from }) {
    const folder = from?.startsWith('file:') ? (0,external_node_path_namespaceObject.dirname)((0,external_node_url_namespaceObject.fileURLToPath)(from)) : process.cwd();
    if (/^\.{0,2}[/\\]|^\.{1,2}$|^file:/.test(specifier))
        return fileAdvice(specifier, folder);
    if (isAlias(specifier, folder)) {
        return (`"${specifier}" is an alias of a bundler or of tsconfig.json, which Node does not read. Import the file by its ` +
            'relative path, such as "./lib/x.ts", or declare an alias that begins with # under "imports" in package.json');
    }
    return 'Install it in the workflow ("npm ci") before the cloud-jobs step, or do without it';
}
function fileAdvice(specifier, folder) {
    const path = specifier.startsWith('file:') ? (0,external_node_url_namespaceObject.fileURLToPath)(specifier) : (0,external_node_path_namespaceObject.resolve)(folder, specifier);
    // TypeScript files are often imported by the name of the file that a compiler would make of them.
    const bare = path.replace(/\.([cm]?)jsx?$/, '');
    const candidates = [
        ...EXTENSIONS.map((extension) => path + extension),
        ...EXTENSIONS.map((extension) => (0,external_node_path_namespaceObject.join)(path, `index${extension}`)),
        ...(bare === path ? [] : EXTENSIONS.map((extension) => bare + extension)),
    ];
    const found = candidates.find((candidate) => isFile(candidate));
    if (found === undefined)
        return 'Check the path: Node takes it as it is written, extension included';
    const near = (0,external_node_path_namespaceObject.relative)(folder, found).replaceAll('\\', '/');
    return `Node takes the path as it is written: import "${near.startsWith('.') ? near : `./${near}`}"`;
}
function isAlias(specifier, folder) {
    if (/^(?:@\/|~|#|\$)/.test(specifier))
        return true;
    const [first = ''] = specifier.split('/');
    // No package is installed under the name of a folder of the repository ("src/x" with a baseUrl).
    if (!first.startsWith('@') && specifier.includes('/') && (0,external_node_fs_namespaceObject.existsSync)((0,external_node_path_namespaceObject.join)(process.cwd(), first)))
        return true;
    return tsconfigs(folder).some((text) => text.includes(`"${first}/*"`) || text.includes(`"${specifier}"`));
}
/** The texts of the `tsconfig.json` files from a folder up to the working directory. */
function tsconfigs(folder) {
    const texts = [];
    for (let at = folder;; at = (0,external_node_path_namespaceObject.dirname)(at)) {
        const path = (0,external_node_path_namespaceObject.join)(at, 'tsconfig.json');
        if (isFile(path))
            texts.push((0,external_node_fs_namespaceObject.readFileSync)(path, 'utf8'));
        if (at === process.cwd() || at === (0,external_node_path_namespaceObject.dirname)(at))
            return texts;
    }
}
function isFile(path) {
    return (0,external_node_fs_namespaceObject.statSync)(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

;// CONCATENATED MODULE: external "node:module"
const external_node_module_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:module");
;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-load.js



/** A day: a delay does not grow beyond it. */
const LONGEST_GROWN_DELAY_SECONDS = 86_400;
const isBuiltin = external_node_module_namespaceObject.isBuiltin;
const SHIM_URL = 'cloud-jobs:define-handler';
/** All that `cloud-jobs` exports at run time: the types are gone by then. */
const SHIM_SOURCE = 'export function defineHandler(handler) { return handler; }';
/** What was loaded last, and what was not found last: an error of the loader does not always say. */
const lastLoad = { url: null, missing: null };
/**
 * Makes `import 'cloud-jobs'` (and `require`) work in a handler without the package being installed.
 * An installed one is passed over: this process is what reads the handler, so its own version has to match.
 * @param onBuiltin Called with each built-in module before a handler gets it.
 */
function installHooks(onBuiltin) {
    const { getBuiltinModule } = process;
    const give = (specifier) => {
        const exports = getBuiltinModule(specifier);
        if (isObject(exports) || typeof exports === 'function')
            onBuiltin(specifier.replace(/^node:/, ''), exports);
        return exports;
    };
    process.getBuiltinModule = give;
    external_node_module_namespaceObject.registerHooks({
        resolve: (specifier, context, next) => {
            if (specifier === 'cloud-jobs')
                return { url: SHIM_URL, format: 'module', shortCircuit: true };
            if (isBuiltin(specifier))
                give(specifier);
            try {
                return next(specifier, context);
            }
            catch (error) {
                lastLoad.missing = { specifier, from: context.parentURL };
                throw error;
            }
        },
        load: (url, context, next) => {
            if (url === SHIM_URL)
                return { format: 'module', source: SHIM_SOURCE, shortCircuit: true };
            lastLoad.url = url;
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
        return { schema: null, retry: null, run: value };
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
    const retry = definition.retry ?? null;
    if (retry !== null && !isRetryDelay(retry)) {
        throw new NoHandlerError(`\`retry\` of the handler "${name}" must be { delaySeconds: 0 to 31536000, factor: 1 to 10 }, with or without the factor.`);
    }
    return { schema, retry, run: (config, context) => definition.run(config, context) };
}
/**
 * The config as the handler gets it, or the outcome that says why it may not: a config that does not fit is
 * discarded, since no retry changes it.
 */
async function host_load_checkConfig(schema, config, name) {
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
    const issues = namedIssues(result.issues).map((issue) => ({ ...issue }));
    const reason = `The config does not fit the handler "${name}": ${listIssues(issues)}`;
    return { refused: { outcome: 'discard', reason, details: { issues } } };
}
/** The JSON Schema of what a handler takes, or null if its library does not write one (https://standardschema.dev/json-schema). */
function jsonSchemaOf(schema) {
    const standard = schema?.['~standard'];
    try {
        const written = standard?.jsonSchema?.input?.({ target: 'draft-2020-12' });
        return written === undefined ? null : JSON.parse(JSON.stringify(written));
    }
    catch {
        // A schema may hold what JSON Schema has no words for.
        return null;
    }
}
function isStandardSchema(value) {
    if (!isObject(value) && typeof value !== 'function')
        return false;
    const standard = value['~standard'];
    return isObject(standard) && standard.version === 1 && typeof standard.validate === 'function';
}
function isRetryDelay(value) {
    if (!isObject(value))
        return false;
    const { delaySeconds, factor = 1 } = value;
    return isBetween(delaySeconds, 0, 31_536_000) && isBetween(factor, 1, 10);
}
function isBetween(value, low, high) {
    return typeof value === 'number' && value >= low && value <= high;
}
/** How long to wait before the retry that follows this attempt. */
function retrySeconds({ delaySeconds, factor = 1 }, attempt) {
    return Math.min(delaySeconds * factor ** (attempt - 1), Math.max(delaySeconds, LONGEST_GROWN_DELAY_SECONDS));
}
function isObject(value) {
    return typeof value === 'object' && value !== null;
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-pipes.js
/** How the host process writes: the output of handlers, the marks in it, and the reports to the worker. */


/** A full pipe is tried again after this many milliseconds. */
const FULL_PIPE_PAUSE_MS = 2;
// Kept from the start, since a handler may replace any global.
const { fstatSync, writeSync } = external_node_fs_namespaceObject;
const { stringify: host_pipes_stringify } = JSON;
const bytesOf = Buffer.from.bind(Buffer);
const NativePromise = Promise;
const exit = process.exit.bind(process);
const atomicsWait = Atomics.wait;
const never = new Int32Array(new SharedArrayBuffer(4));
const later = setTimeout;
const reportPipe = statOf(REPORT_FD);
/** Whether the worker has opened both pipes. */
const hasPipes = () => reportPipe !== null && statOf(REQUEST_FD) !== null;
/** Waits until what the handler wrote is in the pipe, ahead of the mark that ends it. */
async function flush(stream) {
    while (stream.writableCorked > 0)
        stream.uncork();
    while (stream.writableLength > 0 && !stream.destroyed) {
        await new NativePromise((resolve) => later(resolve, FULL_PIPE_PAUSE_MS));
    }
}
/** Calls a function before each write to an output stream, in the async context of the writer. */
function beforeEachWrite(stream, before) {
    const { _write: pass } = stream;
    stream._write = (...args) => {
        before();
        pass.apply(stream, args);
    };
    // Otherwise chunks that wait for a full pipe would go past it together.
    Object.assign(stream, { _writev: null });
}
/** False when a stream is closed. */
function mark(run, what) {
    const text = encodeMark(run, what);
    const [out, err] = [write(1, text), write(2, text)];
    return out && err;
}
function report(run, message) {
    const pipe = statOf(REPORT_FD);
    // A handler closed the descriptor, and another file may have its number by now.
    if (pipe !== reportPipe)
        exit(NO_REPORT_EXIT_CODE);
    if (!write(REPORT_FD, `${reportStart(run)}${host_pipes_stringify(message)}\n`))
        exit(NO_REPORT_EXIT_CODE);
}
/** Writes all of a text at once, whatever the handler did to streams and timers. False when the pipe is closed. */
function write(fd, text) {
    const bytes = bytesOf(text);
    for (let done = 0; done < bytes.length;) {
        try {
            done += writeSync(fd, bytes, done);
        }
        catch (error) {
            if (error.code !== 'EAGAIN')
                return false;
            atomicsWait(never, 0, 0, FULL_PIPE_PAUSE_MS);
        }
    }
    return true;
}
/** Which open file a descriptor stands for; null when it is closed. */
function statOf(fd) {
    try {
        const { dev, ino } = fstatSync(fd);
        return `${dev} ${ino}`;
    }
    catch {
        return null;
    }
}

;// CONCATENATED MODULE: external "node:events"
const external_node_events_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:events");
;// CONCATENATED MODULE: external "node:os"
const external_node_os_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:os");
;// CONCATENATED MODULE: external "node:v8"
const external_node_v8_namespaceObject = __WEBPACK_EXTERNAL_createRequire(import.meta.url)("node:v8");
;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-settings.js
/**
 * Settings of the whole process that handlers can reach through built-in modules, and that no property shows: flags of V8,
 * hooks of the module loader, defaults of dns, net and streams.
 */

/** Functions that set such a thing, beside those whose name begins with `set`. */
const SETTERS = new Set(['register', 'registerHooks', 'createHook', 'subscribe']);
/** Modules whose functions of such a name set nothing of the kind. */
const HARMLESS = new Set(['timers', 'timers/promises', 'events', 'worker_threads']);
const { apply } = Reflect;
const { stringify: host_settings_stringify } = JSON;
const { syncBuiltinESMExports } = external_node_module_namespaceObject;
let calls = 0;
/** How often a handler has called a setter, in this process. */
const setterCalls = () => calls;
/** Makes each call of a setter of a built-in module count; called before a handler can import the module. */
function countSetters(name, exports) {
    if (HARMLESS.has(name))
        return;
    let isChanged = false;
    for (const [key, value] of Object.entries(exports)) {
        if (typeof value !== 'function' || !(/^set[A-Z]/.test(key) || SETTERS.has(key)))
            continue;
        const counted = function (...args) {
            calls += 1;
            return apply(value, this, args);
        };
        Object.defineProperty(counted, 'name', { value: key });
        exports[key] = counted;
        isChanged = true;
    }
    if (isChanged)
        syncBuiltinESMExports();
}
/** The settings behind accessors of a built-in module, in a form that can be compared. */
function settingsOf(name, exports) {
    const { inspect, defaultMaxListeners, globalAgent } = exports;
    if (name === 'util')
        return [host_settings_stringify(inspect?.defaultOptions)];
    if (name === 'events')
        return [defaultMaxListeners];
    if (name !== 'http' && name !== 'https')
        return [];
    return [globalAgent, globalAgent?.maxSockets, globalAgent?.maxFreeSockets, globalAgent?.keepAlive];
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/host-untouched.js





/** Descriptors of a host process: standard input, output and error, and the two pipes to the worker. */
const OWN_DESCRIPTORS = [0, 1, 2, 3, 4];
/** More open descriptors than at the start are a leak that would starve later jobs. */
const MAX_NEW_DESCRIPTORS = 64;
const MAX_RSS_BYTES = 512 * 1024 * 1024;
/** What keeps working after its job. Idle sockets (keep-alive) are fine. */
const LEFT_RUNNING = new Set([
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
const CHANGING = new Set([
    '_events',
    '_eventsCount',
    '_maxListeners',
    'exitCode',
    'domain',
]);
// Kept from here on, whatever a handler does to the globals.
const { fstatSync: host_untouched_fstatSync, readdirSync } = external_node_fs_namespaceObject;
const { getPriority } = external_node_os_namespaceObject;
const { getHeapStatistics } = external_node_v8_namespaceObject;
const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, isExtensible, apply: host_untouched_apply } = Reflect;
const { hasOwn } = Object;
const { eventNames, rawListeners } = external_node_events_namespaceObject.EventEmitter.prototype;
const { getActiveResourcesInfo, hasUncaughtExceptionCaptureCallback, umask, memoryUsage } = process;
const hasResource = LEFT_RUNNING.has.bind(LEFT_RUNNING);
const isChanging = CHANGING.has.bind(CHANGING);
/**
 * Notices what a handler did to its process that the next job would meet: replaced globals and built-ins, their
 * prototypes, listeners, descriptors, leaks. Compares by plain loops over arrays and by functions kept from the start,
 * so that a handler cannot change the comparison by changing a built-in.
 */
class Untouched {
    #properties = [];
    #listeners = [];
    #setterCalls = 0;
    #settings = [];
    #covered = new Set();
    #modules = new Set();
    #descriptors = OWN_DESCRIPTORS.map(identity);
    #openDescriptors = countDescriptors();
    #process = processState();
    constructor() {
        countSetters('process', process);
        // The last two are behind getters.
        for (const object of [globalThis, Intl, process, Buffer])
            this.#coverAll(object);
        for (const object of [Buffer.prototype, process.argv, process.execArgv])
            this.#cover(object);
        // Reached by no name: loops and awaits run through these.
        const iterators = [
            ...[
                [][Symbol.iterator](),
                new Map().entries(),
                new Set().values(),
                ''[Symbol.iterator](),
                'a'.matchAll(/a/g),
            ],
            ...[(function* () { })(), (async function* () { })(), async () => { }, Uint8Array, Uint8Array.prototype],
        ];
        for (const iterator of iterators) {
            for (let at = getPrototypeOf(iterator); at !== null; at = getPrototypeOf(at))
                this.#cover(at);
        }
        this.accept();
    }
    /** Adds a built-in module; called before the handler that imports it can change it. */
    coverModule(name, exports) {
        if (this.#modules.has(exports))
            return;
        this.#modules.add(exports);
        countSetters(name, exports);
        // A module that is a global as well was covered before its setters were counted.
        this.#properties = this.#properties.filter(({ of }) => of !== exports);
        this.#covered.delete(exports);
        this.#coverAll(exports);
        this.#settings.push({ name, exports, values: settingsOf(name, exports) });
    }
    /** Takes what is there now as the state to compare with. */
    accept() {
        this.#properties = this.#properties.map(({ of }) => propertiesOf(of));
        this.#settings = this.#settings.map((one) => ({ ...one, values: settingsOf(one.name, one.exports) }));
        this.#listeners = listenersNow();
        this.#setterCalls = setterCalls();
    }
    difference() {
        try {
            let found = 'none';
            for (let i = 0; i < this.#properties.length; i++) {
                const one = compare(this.#properties[i]);
                if (one === 'changed')
                    return one;
                if (one === 'added')
                    found = one;
            }
            for (let i = 0; i < this.#settings.length; i++) {
                if (!areSame(this.#settings[i]))
                    found = 'added';
            }
            if (setterCalls() !== this.#setterCalls)
                found = 'added';
            const heard = compareListeners(this.#listeners, listenersNow());
            return heard === 'none' ? found : heard;
        }
        catch {
            // A built-in that throws is one that was replaced.
            return 'changed';
        }
    }
    /** Whether the process itself is fit for another job: nothing runs on, leaks or is set otherwise. */
    isFit() {
        try {
            for (let i = 0; i < OWN_DESCRIPTORS.length; i++) {
                if (identity(OWN_DESCRIPTORS[i]) !== this.#descriptors[i])
                    return false;
            }
            const heap = getHeapStatistics();
            return (!host_untouched_apply(getActiveResourcesInfo, process, []).some(hasResource) &&
                !host_untouched_apply(hasUncaughtExceptionCaptureCallback, process, []) &&
                processState() === this.#process &&
                countDescriptors() - this.#openDescriptors <= MAX_NEW_DESCRIPTORS &&
                memoryUsage.rss() <= MAX_RSS_BYTES &&
                heap.used_heap_size <= heap.heap_size_limit / 2 &&
                isAsMade(process.stdout) &&
                isAsMade(process.stderr));
        }
        catch {
            return false;
        }
    }
    /** Covers an object, and the objects and prototypes that its properties hold. */
    #coverAll(object) {
        this.#cover(object);
        for (const key of ownKeys(object)) {
            // The environment is put back after each job.
            if (object === process && key === 'env')
                continue;
            const value = getOwnPropertyDescriptor(object, key)?.value;
            // Node's own lists, of loaded modules and the like, grow by themselves.
            if (!Array.isArray(value))
                this.#cover(value);
            if (typeof value === 'function')
                this.#cover(value.prototype);
        }
    }
    #cover(value) {
        const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function';
        if (!isObject || this.#covered.has(value))
            return;
        this.#covered.add(value);
        this.#properties.push(propertiesOf(value));
    }
}
function propertiesOf(of) {
    const keys = ownKeys(of);
    return {
        of,
        prototype: getPrototypeOf(of),
        isExtensible: isExtensible(of),
        keys,
        descriptors: keys.map((key) => getOwnPropertyDescriptor(of, key)),
    };
}
function areSame({ name, exports, values }) {
    const now = settingsOf(name, exports);
    for (let i = 0; i < values.length; i++)
        if (now[i] !== values[i])
            return false;
    return true;
}
function compare({ of, prototype, isExtensible: wasExtensible, keys, descriptors }) {
    if (getPrototypeOf(of) !== prototype || isExtensible(of) !== wasExtensible)
        return 'changed';
    for (let i = 0; i < keys.length; i++) {
        const key = keys[i];
        if (of === process && isChanging(key))
            continue;
        const before = descriptors[i];
        const now = getOwnPropertyDescriptor(of, key);
        if (now === undefined || !isSame(of, before, now))
            return 'changed';
    }
    const now = ownKeys(of);
    if (now.length === keys.length)
        return 'none';
    for (let i = 0; i < now.length; i++) {
        const key = now[i];
        if (!isIn(keys, key) && !isDefaultOfFetch(of, key))
            return 'added';
    }
    return 'none';
}
function isIn(keys, key) {
    for (let i = 0; i < keys.length; i++)
        if (keys[i] === key)
            return true;
    return false;
}
function isSame(of, before, now) {
    if (before.get !== undefined && now.get === undefined) {
        // Node makes some globals when they are first read, and puts them in place of their getter.
        return host_untouched_apply(before.get, of, []) === now.value;
    }
    const value = now.value === before.value || (Number.isNaN(now.value) && Number.isNaN(before.value));
    return value && now.get === before.get && now.set === before.set;
}
/** The first `fetch` of a process leaves its agent among the globals, under a symbol. */
function isDefaultOfFetch(of, key) {
    if (of !== globalThis || typeof key !== 'symbol' || !key.description?.startsWith('undici.'))
        return false;
    const agent = getOwnPropertyDescriptor(of, key)?.value;
    const name = agent?.constructor?.name;
    return name === 'Agent' || name === 'EnvHttpProxyAgent';
}
function listenersNow() {
    return host_untouched_apply(eventNames, process, []).map((name) => ({
        name,
        listeners: host_untouched_apply(rawListeners, process, [name]),
    }));
}
function compareListeners(before, now) {
    let count = 0;
    for (let i = 0; i < before.length; i++) {
        const old = before[i];
        const same = now.find(({ name }) => name === old.name)?.listeners ?? [];
        for (let j = 0; j < old.listeners.length; j++)
            if (same[j] !== old.listeners[j])
                return 'changed';
        count -= old.listeners.length;
    }
    for (let i = 0; i < now.length; i++)
        count += now[i].listeners.length;
    return count > 0 ? 'added' : 'none';
}
/** Whether an output stream is open and writes by the method of its class. */
function isAsMade(stream) {
    return stream.writable && stream.writableCorked === 0 && !hasOwn(stream, 'write') && !hasOwn(stream, 'end');
}
/** Tells one open file from another that took its number. */
function identity(descriptor) {
    try {
        const { dev, ino, mode } = host_untouched_fstatSync(descriptor);
        return `${dev} ${ino} ${mode}`;
    }
    catch {
        return 'closed';
    }
}
function countDescriptors() {
    return process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
}
function processState() {
    return `${host_untouched_apply(umask, process, [])} ${process.getuid?.()} ${getPriority()}`;
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
 * by `module-child.ts`; bundled on its own, so it imports nothing of the worker. What it uses of Node is taken at the
 * start, since a handler may replace any global.
 */








/** The bundle must not turn `import()` into a lookup among its own modules. */
const importModule = (url) => import(__rewriteRelativeImportExtension(/* webpackIgnore: true */ url));
const { parse: host_parse } = JSON;
const host_NativePromise = Promise;
const host_exit = process.exit.bind(process);
const immediate = setImmediate;
const outputs = [process.stdout, process.stderr];
const home = { cwd: process.cwd(), env: { ...process.env } };
const owner = new external_node_async_hooks_namespaceObject.AsyncLocalStorage();
let current = null;
/** What the handler asked and the worker has not answered. */
const questions = new Map();
let lastQuestion = 0;
/** The only handler that may still run here, because it added to the globals when it was loaded. */
let reservedFor = null;
if (!hasPipes()) {
    process.stderr.write('This file is started by cloud-jobs, not by hand.\n');
    host_exit(64);
}
const requests = new external_node_net_namespaceObject.Socket({ fd: REQUEST_FD, readable: true, writable: false });
process.stdout.on('error', () => { });
process.stderr.on('error', () => { });
process.on('uncaughtException', (error) => fault(error, 'An error was thrown outside of the handler’s promise: '));
process.on('unhandledRejection', (error) => fault(error, 'A rejected promise was not handled: '));
let untouched = null;
installHooks((name, exports) => untouched?.coverModule(name, exports));
for (const output of outputs)
    beforeEachWrite(output, noteForeignOutput);
let unread = '';
requests.setEncoding('utf8');
requests.on('data', (text) => {
    const lines = (unread + text).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines)
        take(host_parse(line));
});
// The worker is gone, so nothing takes the result or stops this process.
requests.on('error', () => host_exit(0));
requests.on('close', () => host_exit(0));
untouched = new Untouched();
function take(request) {
    if (request.type === 'abort')
        abort(request);
    else if (request.type === 'answer')
        answered(request);
    else
        void start(request);
}
async function start(request) {
    const mine = { request, controller: new AbortController(), ended: false, disturbed: false };
    current = mine;
    mark(request.run, 'begin');
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
            reusable = acceptLoaded(request.url);
            outcome = await owner.run(request.run, () => perform(mine, loaded.handler));
        }
    }
    catch (error) {
        outcome = failureOf(error, 'error');
    }
    // An unhandled rejection is reported only after the microtasks have run.
    await new host_NativePromise((resolve) => immediate(resolve));
    await end(mine, outcome, reusable);
}
async function load(request) {
    try {
        return { handler: handlerOf(await importModule(request.url), request.name) };
    }
    catch (error) {
        const failed = error instanceof NoHandlerError
            ? { outcome: 'failure', kind: 'error', message: error.message }
            : loadFailure(error, request.name, lastLoad.url, lastLoad.missing);
        return { failed };
    }
}
/** What a module adds when it is loaded stays, as the module does, for the jobs of the same handler. */
function acceptLoaded(url) {
    const difference = untouched?.difference();
    if (difference === 'added') {
        reservedFor ??= url;
        untouched?.accept();
    }
    return difference !== 'changed' && (reservedFor ?? url) === url;
}
async function perform(mine, handler) {
    const { request, controller } = mine;
    if (request.type === 'describe')
        return { outcome: 'success', result: jsonSchemaOf(handler.schema) };
    const config = await host_load_checkConfig(handler.schema, request.config, request.name);
    if ('refused' in config)
        return config.refused;
    if (request.type === 'check' || request.job === null)
        return { outcome: 'success', result: null };
    const { run, job, idempotencyKey } = request;
    const running = createContext({
        job,
        idempotencyKey,
        signal: controller.signal,
        sendProgress: (progress) => report(run, { type: 'progress', progress }),
        sendSecret: (value) => report(run, { type: 'secret', value }),
        sendQueuePause: (pause) => report(run, { type: 'pause-queue', pause }),
        steps: {
            memory: request.memory,
            ask: (question) => ask(run, question),
            // Its code waits for a promise that never settles, so the process is not used again.
            end: (outcome) => void end(mine, outcome, false),
        },
    });
    try {
        return await running.outcomeOf(await handler.run(config.value, running.context));
    }
    catch (error) {
        const asked = running.thrownOutcome(error);
        if (asked !== null)
            return asked;
        const retry = handler.retry && { retryInSeconds: retrySeconds(handler.retry, job.attempt) };
        return { ...failureOf(error, 'error'), ...retry };
    }
    finally {
        running.close();
    }
}
async function end(mine, ended, reusable) {
    if (mine.ended) {
        mine.disturbed = true;
        return;
    }
    mine.ended = true;
    const { run } = mine.request;
    const outcome = withExitCode(ended);
    await flush(outputs[0]);
    await flush(outputs[1]);
    const isClean = reusable &&
        restore() &&
        untouched?.difference() === 'none' &&
        untouched.isFit() &&
        !mine.disturbed &&
        !mine.controller.signal.aborted;
    const isMarked = mark(run, 'end');
    if (current === mine)
        current = null;
    report(run, {
        type: 'end',
        outcome,
        reuse: !isClean || !isMarked ? 'none' : reservedFor === null ? 'any' : 'handler',
    });
}
/** A success with an exit code that is not 0 is a failure: a script says so that it failed. */
function withExitCode(outcome) {
    const { exitCode } = process;
    if (outcome.outcome !== 'success' || exitCode === undefined || exitCode === 0 || exitCode === '0')
        return outcome;
    return {
        outcome: 'failure',
        kind: 'error',
        message: `The handler set process.exitCode to ${exitCode}, as a script does that failed. Throw an error instead, so that it can say why.`,
    };
}
/** An error outside of any await. It belongs to the job whose asynchronous context it came from. */
function fault(error, prefix) {
    const cause = owner.getStore();
    const mine = current;
    if (mine === null) {
        host_exit(1);
        return;
    }
    if (cause === undefined || cause === mine.request.run) {
        void end(mine, failureOf(error, 'crashed', prefix), false);
        return;
    }
    mine.disturbed = true;
    write(2, `cloud-jobs: something that an earlier job left running failed: ${failureOf(error, 'error').message}\n`);
}
/** Says once in a run that output follows which comes from what an earlier job left running. */
function noteForeignOutput() {
    const mine = current;
    const cause = owner.getStore();
    if (mine === null || mine.ended || mine.disturbed)
        return;
    if (cause === undefined || cause === mine.request.run)
        return;
    mine.disturbed = true;
    write(2, 'cloud-jobs: an earlier job left something running in this process, which printed a line here.\n');
}
/** Asks the worker. The promise settles when it answers. */
function ask(run, question) {
    lastQuestion += 1;
    const id = lastQuestion;
    return new host_NativePromise((resolve, reject) => {
        questions.set(id, { resolve, reject });
        report(run, { type: 'ask', id, question });
    });
}
function answered({ run, id, answer, error }) {
    const question = questions.get(id);
    questions.delete(id);
    if (answer === null)
        owner.run(run, () => question?.reject(new Error(error)));
    else
        owner.run(run, () => question?.resolve(answer));
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

