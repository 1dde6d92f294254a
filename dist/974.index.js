export const id = 974;
export const ids = [974,405];
export const modules = {

/***/ 6974:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  createCustomHandlers: () => (/* binding */ createCustomHandlers)
});

// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __webpack_require__(7598);
// EXTERNAL MODULE: external "node:url"
var external_node_url_ = __webpack_require__(3136);
// EXTERNAL MODULE: ./lib/src/handlers/handler.js
var handler = __webpack_require__(602);
;// CONCATENATED MODULE: ./lib/src/handlers/custom/child-env.js
/**
 * Names that stay with the worker. INPUT_* holds the Supabase key; STATE_* is the action's own memory; the
 * ACTIONS_* tokens reach the cache, the artifacts and the identity of the run; the GITHUB_* files are how a step
 * gives orders to the runner, which a job must not.
 */
const WITHHELD = new Set([
    'ACTIONS_RUNTIME_TOKEN',
    'ACTIONS_RUNTIME_URL',
    'ACTIONS_RESULTS_URL',
    'ACTIONS_CACHE_URL',
    'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
    'ACTIONS_ID_TOKEN_REQUEST_URL',
    'GITHUB_OUTPUT',
    'GITHUB_STATE',
    'GITHUB_ENV',
    'GITHUB_PATH',
    'GITHUB_STEP_SUMMARY',
    // Set by Node for a process that was itself forked: a child would take a descriptor of ours for its channel.
    'NODE_CHANNEL_FD',
    'NODE_CHANNEL_SERIALIZATION_MODE',
    'NODE_UNIQUE_ID',
]);
/**
 * The environment of a handler: what the step gave the worker, without the action's inputs and without what
 * belongs to the worker alone. Names are compared without case, as Windows does.
 */
function childEnv(env) {
    const kept = {};
    for (const [name, value] of Object.entries(env)) {
        const upper = name.toUpperCase();
        if (value === undefined || upper.startsWith('INPUT_') || upper.startsWith('STATE_'))
            continue;
        if (!WITHHELD.has(upper))
            kept[name] = value;
    }
    return kept;
}

// EXTERNAL MODULE: ./lib/src/handlers/custom/errors.js
var errors = __webpack_require__(9786);
// EXTERNAL MODULE: external "node:child_process"
var external_node_child_process_ = __webpack_require__(1421);
;// CONCATENATED MODULE: ./lib/src/handlers/custom/add-mask.js
/**
 * The value of a line that asks the runner to mask it, as `@actions/core` prints it and authors of shell steps write
 * it: `::add-mask::value`. Read as the runner reads it: blanks before it, any case, `%25 %0D %0A` for what a command
 * cannot hold, and the older form `##[add-mask]value`. Null for any other line.
 * Source: actions/runner, ActionCommand.
 */
function maskedValue(line) {
    const [, now, older] = /^\s*(?:::add-mask(?:\s[^:]*)?::(.*)|##\[add-mask(?:\s[^\]]*)?\](.*))$/is.exec(line) ?? [];
    const value = now ?? older;
    if (value === undefined)
        return null;
    return value.replaceAll(/%0D/gi, '\r').replaceAll(/%0A/gi, '\n').replaceAll(/%25/g, '%').trim();
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/changes.js
/**
 * Waiting on a condition that several events can make true. `notify` is called after each of them; `until`
 * settles as soon as its condition holds. Unlike `Promise.race` on long-lived promises it keeps nothing alive
 * once settled, however many jobs one process runs.
 */
class Changes {
    #waiting = new Set();
    notify() {
        for (const check of [...this.#waiting])
            check();
    }
    /**
     * @param ms How long to wait at most, in milliseconds; without it, for ever.
     * @returns Whether the condition holds (false: the time is over).
     */
    until(condition, ms) {
        if (condition())
            return Promise.resolve(true);
        return new Promise((resolve) => {
            const end = (held) => {
                this.#waiting.delete(check);
                clearTimeout(timer);
                resolve(held);
            };
            const check = () => {
                if (condition())
                    end(true);
            };
            const timer = ms === undefined ? undefined : setTimeout(() => end(condition()), ms);
            this.#waiting.add(check);
        });
    }
}

// EXTERNAL MODULE: external "node:os"
var external_node_os_ = __webpack_require__(8161);
;// CONCATENATED MODULE: ./lib/src/handlers/custom/crash.js

/** A host process that died before its handler gave a result: says what killed it, as far as can be told. */
function crashOutcome(name, end, errors) {
    const details = { exit_code: end.code, signal: end.signal, stderr: [...errors.slice(-10)] };
    return { outcome: 'failure', kind: 'crashed', message: crashMessage(name, end, errors), details };
}
function crashMessage(name, end, errors) {
    const named = `The process of the handler "${name}"`;
    if (end.error !== undefined)
        return `${named} could not be started: ${end.error.message}`;
    if (errors.some((line) => /heap out of memory|FATAL ERROR: .*memory/i.test(line))) {
        return `${named} ran out of memory (JavaScript heap). Handle less at once, or raise the limit.`;
    }
    if (end.signal !== null)
        return `${named} was killed by ${describeSignal(end.signal)}.`;
    const last = errors.at(-1);
    return (`${named} ended with exit code ${end.code} before the handler returned. ` +
        `A handler must not call process.exit: return a result or throw.${last === undefined ? '' : ` Last line: ${last}`}`);
}
/** `SIGKILL (…)` with the usual reason where there is one. */
function describeSignal(signal) {
    const usual = {
        SIGKILL: 'most often: the machine ran out of memory',
        SIGABRT: 'it aborted itself, as Node does when it is out of memory',
        SIGSEGV: 'a fault in native code',
        SIGBUS: 'a fault in native code',
        SIGILL: 'a binary built for another processor',
    };
    const why = usual[signal];
    return why === undefined ? signal : `${signal} (${why})`;
}
/** The signal that a shell reports as exit code 128 + n, or null. */
function shellSignal(code) {
    for (const [name, number] of Object.entries(external_node_os_.constants.signals)) {
        if (number === code - 128)
            return name;
    }
    return null;
}

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __webpack_require__(3024);
// EXTERNAL MODULE: external "node:fs/promises"
var promises_ = __webpack_require__(1455);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __webpack_require__(6760);
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

;// CONCATENATED MODULE: ./lib/src/handlers/custom/job-files.js
var __addDisposableResource = (undefined && undefined.__addDisposableResource) || function (env, value, async) {
    if (value !== null && value !== void 0) {
        if (typeof value !== "object" && typeof value !== "function") throw new TypeError("Object expected.");
        var dispose, inner;
        if (async) {
            if (!Symbol.asyncDispose) throw new TypeError("Symbol.asyncDispose is not defined.");
            dispose = value[Symbol.asyncDispose];
        }
        if (dispose === void 0) {
            if (!Symbol.dispose) throw new TypeError("Symbol.dispose is not defined.");
            dispose = value[Symbol.dispose];
            if (async) inner = dispose;
        }
        if (typeof dispose !== "function") throw new TypeError("Object not disposable.");
        if (inner) dispose = function() { try { inner.call(this); } catch (e) { return Promise.reject(e); } };
        env.stack.push({ value: value, dispose: dispose, async: async });
    }
    else if (async) {
        env.stack.push({ async: true });
    }
    return value;
};
var __disposeResources = (undefined && undefined.__disposeResources) || (function (SuppressedError) {
    return function (env) {
        function fail(e) {
            env.error = env.hasError ? new SuppressedError(e, env.error, "An error was suppressed during disposal.") : e;
            env.hasError = true;
        }
        var r, s = 0;
        function next() {
            while (r = env.stack.pop()) {
                try {
                    if (!r.async && s === 1) return s = 0, env.stack.push(r), Promise.resolve().then(next);
                    if (r.dispose) {
                        var result = r.dispose.call(r.value);
                        if (r.async) return s |= 2, Promise.resolve(result).then(next, function(e) { fail(e); return next(); });
                    }
                    else s |= 1;
                }
                catch (e) {
                    fail(e);
                }
            }
            if (s === 1) return env.hasError ? Promise.reject(env.error) : Promise.resolve();
            if (env.hasError) throw env.error;
        }
        return next();
    };
})(typeof SuppressedError === "function" ? SuppressedError : function (error, suppressed, message) {
    var e = new Error(message);
    return e.name = "SuppressedError", e.error = error, e.suppressed = suppressed, e;
});





/** Linux takes no environment string longer than 128 KiB with its name and end (execve(2), MAX_ARG_STRLEN). */
const MAX_ENV_STRING = process.platform === 'win32' ? 32_767 : 131_072;
/** More than any result that the queue takes; only guards the memory of the worker. */
const MAX_RESULT_BYTES = 16 * 1024 * 1024;
/** Makes the folder of one run of an executable: readable by this user alone, removed afterwards. */
async function createJobFiles(scratchDir, job, idempotencyKey) {
    await (0,promises_.mkdir)(scratchDir, { recursive: true });
    const folder = await (0,promises_.mkdtemp)((0,external_node_path_.join)(scratchDir, 'job-'));
    const paths = {
        job: (0,external_node_path_.join)(folder, 'job.json'),
        result: (0,external_node_path_.join)(folder, 'result.json'),
        progress: (0,external_node_path_.join)(folder, 'progress'),
    };
    const json = JSON.stringify({ ...job, idempotency_key: idempotencyKey });
    // With a line end: the shell's `read` fails on a line without one.
    const input = `${json}\n`;
    await (0,promises_.writeFile)(paths.job, input, { mode: 0o600 });
    // It is there from the start, so that ">>" and a check for the file both work.
    await (0,promises_.writeFile)(paths.progress, '', { mode: 0o600 });
    const fits = Buffer.byteLength(`CLOUD_JOBS_JOB=${json}`) + 1 <= MAX_ENV_STRING;
    return {
        env: {
            ...(fits ? { CLOUD_JOBS_JOB: json } : {}),
            CLOUD_JOBS_JOB_FILE: paths.job,
            CLOUD_JOBS_RESULT: paths.result,
            CLOUD_JOBS_PROGRESS: paths.progress,
            CLOUD_JOBS_JOB_ID: job.job_id,
            CLOUD_JOBS_ATTEMPT: String(job.attempt),
            CLOUD_JOBS_IDEMPOTENCY_KEY: idempotencyKey,
        },
        input,
        resultPath: paths.result,
        progressPath: paths.progress,
        // A leftover file of a handler must not fail its job; the runner's temporary folder is emptied anyway.
        remove: () => (0,promises_.rm)(folder, { recursive: true, force: true, maxRetries: 2 }).catch(() => { }),
    };
}
/**
 * Reads what the handler wrote to CLOUD_JOBS_RESULT; no file or an empty one is null.
 * @param redact takes the secrets out of what an error quotes, before that is cut
 * @throws Error that quotes the start of a file that is not JSON, and NotJsonError for what Postgres cannot store.
 */
async function readResult(path, redact) {
    let text;
    try {
        const env_1 = { stack: [], error: void 0, hasError: false };
        try {
            // Not blocking: a handler may have put a pipe there, which would be waited for without end.
            const file = __addDisposableResource(env_1, await (0,promises_.open)(path, external_node_fs_.constants.O_RDONLY | (external_node_fs_.constants.O_NONBLOCK ?? 0)), true);
            const info = await file.stat();
            if (!info.isFile())
                throw new Error('The result file (CLOUD_JOBS_RESULT) is not a file any more.');
            if (info.size > MAX_RESULT_BYTES) {
                throw new Error(`The result file (CLOUD_JOBS_RESULT) has ${info.size} bytes; at most ${MAX_RESULT_BYTES} are read.`);
            }
            text = decoded(await file.readFile());
        }
        catch (e_1) {
            env_1.error = e_1;
            env_1.hasError = true;
        }
        finally {
            const result_1 = __disposeResources(env_1);
            if (result_1)
                await result_1;
        }
    }
    catch (error) {
        if ((0,errors.hasCode)(error, 'ENOENT'))
            return null;
        if (!(0,errors.hasCode)(error, 'EISDIR', 'EACCES', 'ELOOP'))
            throw error;
        throw new Error('The result file (CLOUD_JOBS_RESULT) cannot be read.', { cause: error });
    }
    if (text.trim() === '')
        return null;
    let value;
    try {
        value = JSON.parse(text.replace(/^\ufeff/, ''));
    }
    catch (error) {
        const safe = redact(text);
        const start = JSON.stringify(safe.length > 200 ? `${safe.slice(0, 200)}…` : safe.trimEnd());
        const hint = /\b(NaN|Infinity)\b/.test(text) ? ' JSON has no NaN and no Infinity: write null.' : '';
        throw new Error(`The result file (CLOUD_JOBS_RESULT) is not JSON. It starts with ${start}.${hint}`, {
            cause: error,
        });
    }
    return asJson(value);
}
/** @throws Error for bytes that are no text: replaced, they would be another result */
function decoded(bytes) {
    try {
        return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    }
    catch (error) {
        throw new Error('The result file (CLOUD_JOBS_RESULT) is not UTF-8. Write it in this encoding.', {
            cause: error,
        });
    }
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/exit-outcome.js


/** EX_TEMPFAIL of sysexits.h: try again later. */
const SNOOZE_EXIT_CODE = 75;
const DEFAULT_SNOOZE_MINUTES = 15;
const MAX_SNOOZE_MINUTES = 365 * 24 * 60;
/** What the end of an executable handler means: 0 success, 75 snooze, anything else failure. */
async function exitOutcome(end) {
    const { name, code, signal, errors } = end;
    const details = { exit_code: code, signal, stderr: [...errors] };
    if (code === 0) {
        try {
            return { outcome: 'success', result: await readResult(end.resultPath, end.redact) };
        }
        catch (error) {
            const message = `The handler "${name}" ended well, but its result cannot be taken. ${messageOf(error)}`;
            return { outcome: 'failure', kind: 'error', message };
        }
    }
    if (code === SNOOZE_EXIT_CODE)
        return snoozeOutcome(end);
    const said = errors.length === 0 ? ' It wrote nothing to stderr.' : ` ${errors.slice(-5).join('\n')}`;
    if (signal !== null) {
        const message = `The handler "${name}" was killed by ${describeSignal(signal)}.${said}`;
        return { outcome: 'failure', kind: 'crashed', message, details };
    }
    const message = `The handler "${name}" ended with exit code ${code}${hint(code ?? 0, end.binary)}.${said}`;
    return { outcome: 'failure', kind: 'error', message, details };
}
async function snoozeOutcome(end) {
    let written = null;
    try {
        written = await readResult(end.resultPath, end.redact);
    }
    catch (error) {
        end.complain(messageOf(error));
    }
    const { snooze_minutes: minutes, reason } = Object(written);
    let asked = DEFAULT_SNOOZE_MINUTES;
    if (typeof minutes === 'number' && minutes > 0 && minutes <= MAX_SNOOZE_MINUTES)
        asked = minutes;
    else if (minutes !== undefined) {
        end.complain(`snooze_minutes must be a number above 0 and at most ${MAX_SNOOZE_MINUTES}, not ${JSON.stringify(minutes)}; ` +
            `taking ${DEFAULT_SNOOZE_MINUTES}.`);
    }
    const why = typeof reason === 'string' && reason.trim() !== '' ? reason : end.errors.at(-1);
    return {
        outcome: 'snooze',
        seconds: Math.max(1, Math.round(asked * 60)),
        reason: why ?? `the handler "${end.name}" ended with exit code ${SNOOZE_EXIT_CODE}`,
    };
}
function hint(code, binary) {
    if (binary && (code === 126 || code === 127 || code === 2)) {
        return ` (it is a binary: was it built for ${process.platform} ${process.arch}?)`;
    }
    if (code === 126)
        return ' (a command in it could not be run)';
    if (code === 127)
        return ' (a command in it was not found)';
    const signal = code > 128 ? shellSignal(code) : null;
    return signal === null ? '' : ` (a program in it was killed by ${describeSignal(signal)})`;
}
function messageOf(error) {
    return error instanceof Error ? error.message : String(error);
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/interpreter.js




const INTERPRETERS = {
    '.sh': ['bash', 'sh'],
    '.py': ['python3', 'python'],
};
/**
 * How to start an executable handler: directly when it has a run bit and a `#!` line (or is machine code),
 * otherwise by the interpreter of its extension.
 * @throws CustomHandlerError (not final) when there is no way to start it; says what to do.
 */
async function commandFor(handler, env) {
    const start = await readStart(handler.path);
    const hasRunBit = process.platform === 'win32' || ((await (0,promises_.stat)(handler.path)).mode & 0o111) !== 0;
    const extension = (0,external_node_path_.extname)(handler.name).toLowerCase();
    const interpreters = INTERPRETERS[extension];
    const binary = isBinary(start);
    const direct = hasRunBit && (binary || (start.startsWith('#!') && process.platform !== 'win32'));
    if (direct) {
        if (!binary)
            await checkShebang(handler.name, start);
        return { program: handler.path, args: [], binary };
    }
    if (interpreters === undefined) {
        // The C library would hand such a file to /bin/sh, which is a surprise when it is written in something else.
        throw unusable(handler.name, 'has a run bit, but its first line does not say what runs it. Add one, such as "#!/usr/bin/env bash"');
    }
    for (const name of interpreters) {
        const program = await findProgram(name, env);
        if (program !== null)
            return { program, args: [handler.path], binary: false };
    }
    throw unusable(handler.name, `needs ${interpreters.join(' or ')}, which is not on the PATH of this machine. ` +
        'Install it in the workflow before the cloud-jobs step');
}
async function checkShebang(name, start) {
    const line = start.slice(2).split('\n', 1)[0] ?? '';
    if (line.endsWith('\r')) {
        throw unusable(name, 'has Windows line ends (CRLF), so its interpreter cannot be found. Save it with LF and add ' +
            '"*.sh text eol=lf" (or its like) to .gitattributes');
    }
    const interpreter = line.trim().split(/\s+/, 1)[0] ?? '';
    if ((0,external_node_path_.isAbsolute)(interpreter) && (await isRunnable(interpreter)))
        return;
    throw unusable(name, `is run by ${JSON.stringify(interpreter)} (its first line), which is not on this machine. ` +
        'Install it in the workflow, or change the line');
}
async function readStart(path) {
    const file = await (0,promises_.open)(path, 'r');
    try {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
        return buffer.toString('latin1', 0, bytesRead);
    }
    finally {
        await file.close();
    }
}
function isBinary(start) {
    return (!start.startsWith('#!') && (start.startsWith('\x7fELF') || start.startsWith('MZ') || start.includes('\0')));
}
/** The full path of a program on the PATH of `env`, or null. */
async function findProgram(name, env) {
    const windows = process.platform === 'win32';
    const path = Object.entries(env).find(([key]) => (windows ? key.toUpperCase() : key) === 'PATH')?.[1] ?? '';
    for (const folder of path.split(external_node_path_.delimiter)) {
        if (folder === '')
            continue;
        const candidate = (0,external_node_path_.join)(folder, windows ? `${name}.exe` : name);
        if (await isRunnable(candidate))
            return candidate;
    }
    return null;
}
async function isRunnable(path) {
    try {
        await (0,promises_.access)(path, external_node_fs_.constants.X_OK);
        return (await (0,promises_.stat)(path)).isFile();
    }
    catch {
        return false;
    }
}
function unusable(name, why) {
    return new errors.CustomHandlerError(`The handler "${name}" ${why}.`, { final: false });
}

// EXTERNAL MODULE: external "node:string_decoder"
var external_node_string_decoder_ = __webpack_require__(6193);
;// CONCATENATED MODULE: ./lib/src/handlers/custom/lines.js

/**
 * Longer lines are cut: one line of a job must not fill the memory of the worker. Far above what is shown and kept of a
 * line, since that has to be cut after secrets are taken out: half a secret would not be found any more.
 */
const MAX_LINE_LENGTH = 262_144;
/** Longer secrets are not looked for where a line is cut. */
const LONGEST_SECRET = 8_192;
/** What an error keeps of one line. */
const TAIL_LINE_LENGTH = 1_000;
/**
 * Turns the bytes of a pipe into whole lines. `\n`, `\r\n` and a lone `\r` end a line (the runner reads all
 * three as line ends, so a `\r` must not smuggle one past those who look at line starts). Bytes that are not
 * UTF-8 become U+FFFD, and so does NUL, which Postgres cannot store.
 */
class LineSplitter {
    #decoder = new external_node_string_decoder_.StringDecoder('utf8');
    #onLine;
    #redact;
    #partial = '';
    #cut = false;
    #afterReturn = false;
    /** @param redact takes the secrets out of a line that has to be cut */
    constructor(onLine, redact) {
        this.#onLine = onLine;
        this.#redact = redact;
    }
    push(chunk) {
        this.#take(this.#decoder.write(chunk));
    }
    /** Gives out what came after the last line end, if anything did. */
    flush() {
        this.#take(this.#decoder.end());
        if (this.#partial !== '' || this.#cut)
            this.#emit();
    }
    #take(text) {
        let rest = text;
        if (this.#afterReturn && rest.startsWith('\n'))
            rest = rest.slice(1);
        if (text !== '')
            this.#afterReturn = text.endsWith('\r');
        const parts = rest.split(/\r\n|\n|\r/);
        const last = parts.pop() ?? '';
        for (const part of parts) {
            this.#append(part);
            this.#emit();
        }
        this.#append(last);
    }
    #append(text) {
        const room = MAX_LINE_LENGTH - this.#partial.length;
        if (text.length > room)
            this.#cut = true;
        this.#partial += text.length > room ? text.slice(0, room) : text;
    }
    #emit() {
        // Whole secrets are out, and half of one at the end goes with what is cut.
        const text = this.#cut
            ? `${this.#redact(this.#partial).slice(0, -LONGEST_SECRET)} … [line cut, it has more than ${MAX_LINE_LENGTH} characters]`
            : this.#partial;
        const line = text.replaceAll('\0', '\ufffd').toWellFormed();
        this.#partial = '';
        this.#cut = false;
        this.#onLine(line);
    }
}
/** Keeps the last lines that are not blank, for error messages. */
class Tail {
    #lines = [];
    #limit;
    #redact;
    /** @param redact takes the secrets out of a line before it is cut */
    constructor(limit, redact) {
        this.#limit = limit;
        this.#redact = redact;
    }
    push(line) {
        if (line.trim() === '')
            return;
        this.#lines.push(line);
        if (this.#lines.length > this.#limit)
            this.#lines.shift();
    }
    /** Cut when they are asked for: a secret may be told by one stream after the other has printed it. */
    get lines() {
        return this.#lines.map((line) => {
            const safe = this.#redact(line);
            return safe.length > TAIL_LINE_LENGTH ? `${safe.slice(0, TAIL_LINE_LENGTH)}…` : safe;
        });
    }
}

// EXTERNAL MODULE: external "node:timers/promises"
var external_node_timers_promises_ = __webpack_require__(8500);
;// CONCATENATED MODULE: ./lib/src/handlers/custom/process-tree.js



/**
 * Sends a signal to the process group that a child leads (children are started with `detached`, so each leads
 * one). The runner signals one pid only, so nobody else does this. A group that is gone is no error.
 */
function signalGroup(pid, signal) {
    if (process.platform === 'win32')
        return;
    sendSignal(-pid, signal);
}
/**
 * Every child gets this variable with a value of its own. What it starts inherits it, so that a daemon, which has
 * left group and session and whose parent is dead, is still known (the runner finds orphans in the same way).
 */
const MARK_NAME = 'CLOUD_JOBS_PROCESS';
/**
 * Kills a child and all that came from it, and settles when they are gone (at most `waitMs` later, since a
 * process in an uninterruptible system call cannot die).
 *
 * On Linux /proc tells who belongs to it: the group, the session (a shell with job control makes new groups in
 * it), the descendants by parent and the mark in the environment. Elsewhere on POSIX it is the group; on Windows
 * `taskkill /T` walks the tree.
 * @param mark The value of `MARK_NAME` in the environment of the child.
 */
async function killTree(pid, mark, waitMs = 2_000) {
    if (process.platform === 'win32')
        return taskkill(pid);
    const known = new Set();
    const deadline = Date.now() + waitMs;
    for (let pause = 1;; pause = Math.min(pause * 2, 50)) {
        // Before each kill: once a parent is dead, nothing tells whose child a process was.
        const alive = process.platform === 'linux' ? members(pid, mark, known) : groupLives(pid) ? [-pid] : [];
        if (alive.length === 0 || Date.now() > deadline)
            return;
        signalGroup(pid, 'SIGKILL');
        for (const member of alive) {
            known.add(member);
            sendSignal(member, 'SIGKILL');
        }
        await (0,external_node_timers_promises_.setTimeout)(pause);
    }
}
/** The living processes that belong to the child `pid`, or that are in `known` or descend from one of them. */
function members(pid, mark, known) {
    const rows = livingProcesses();
    const found = new Set();
    for (const row of rows) {
        // Not by `pid` itself: the child leads its group, and a number that is free again may be a stranger's.
        const belongs = row.group === pid || row.session === pid || known.has(row.pid) || hasMark(row.pid, mark);
        if (belongs)
            found.add(row.pid);
    }
    for (let before = -1; before !== found.size;) {
        before = found.size;
        for (const row of rows)
            if (found.has(row.parent))
                found.add(row.pid);
    }
    return [...found];
}
function hasMark(pid, mark) {
    try {
        return (0,external_node_fs_.readFileSync)(`/proc/${pid}/environ`, 'latin1').includes(`${MARK_NAME}=${mark}`);
    }
    catch {
        // Of another user, or gone.
        return false;
    }
}
function livingProcesses() {
    const rows = [];
    for (const entry of (0,external_node_fs_.readdirSync)('/proc')) {
        if (!/^\d+$/.test(entry))
            continue;
        try {
            const stat = (0,external_node_fs_.readFileSync)(`/proc/${entry}/stat`, 'latin1');
            // The name in parentheses may hold anything, so count from the last one (proc_pid_stat(5)).
            const [state, parent, group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
            if (state === 'Z' || state === 'X')
                continue;
            rows.push({
                pid: Number(entry),
                parent: Number(parent),
                group: Number(group),
                session: Number(session),
            });
        }
        catch {
            // It ended between the listing and the reading.
        }
    }
    return rows;
}
function groupLives(pid) {
    try {
        process.kill(-pid, 0);
        return true;
    }
    catch {
        // ESRCH: gone. EPERM (macOS): only zombies are left.
        return false;
    }
}
function sendSignal(pid, signal) {
    try {
        process.kill(pid, signal);
    }
    catch {
        // Already gone, which is what was wanted.
    }
}
function taskkill(pid) {
    return new Promise((resolve) => {
        const killer = (0,external_node_child_process_.spawn)('taskkill', ['/pid', String(pid), '/T', '/F'], {
            stdio: 'ignore',
            windowsHide: true,
        });
        killer.once('error', () => resolve());
        killer.once('close', () => resolve());
    });
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/live-children.js

const live = new Set();
const killAll = () => {
    for (const pid of live)
        signalGroup(pid, 'SIGKILL');
};
/**
 * Remembers a child until `forget` is called, so that none outlives a worker that ends without stopping them
 * (an uncaught error, `process.exit`): an `exit` listener kills what is left.
 */
function remember(pid) {
    if (live.size === 0)
        process.on('exit', killAll);
    live.add(pid);
    return {
        forget() {
            live.delete(pid);
            if (live.size === 0)
                process.off('exit', killAll);
        },
    };
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/progress-file.js

/** Only the last line counts, so only the end of the file is read. */
const READ_BYTES = 4_096;
/**
 * One progress line: `done`, `done/total` or either with a note behind it, or JSON
 * `{"done": 3, "total": 10, "note": "…"}`. Null when it is neither.
 */
function parseProgress(line) {
    const text = line.trim();
    if (text.startsWith('{'))
        return parseJson(text);
    const [, done, total, note = ''] = /^(\d+(?:\.\d+)?)(?:\s*\/\s*(\d+(?:\.\d+)?))?(?:\s+(.*))?$/.exec(text) ?? [];
    if (done === undefined)
        return null;
    return build(Number(done), total === undefined ? undefined : Number(total), note);
}
function parseJson(text) {
    let value;
    try {
        value = JSON.parse(text);
    }
    catch {
        return null;
    }
    const { done, total, note } = Object(value);
    if (!isAmount(done) || (total !== undefined && !isAmount(total)))
        return null;
    if (note !== undefined && typeof note !== 'string')
        return null;
    return build(done, total, note ?? '');
}
function isAmount(value) {
    return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
function build(done, total, note) {
    const shown = note.trim().replaceAll('\0', '\ufffd').toWellFormed();
    return {
        done,
        ...(total === undefined ? {} : { total }),
        ...(shown === '' ? {} : { note: shown }),
    };
}
/**
 * Follows a progress file. Each `read` reports the newest line if the file changed; a file that is written anew
 * in place of being appended to works as well. A line that is no progress is told once.
 */
class ProgressFile {
    #path;
    #report;
    #complain;
    #reading = Promise.resolve();
    #seen = '';
    #complained = false;
    constructor(path, report, complain) {
        this.#path = path;
        this.#report = report;
        this.#complain = complain;
    }
    /** @param last True for the last reading, which takes a line without its line end too. */
    read(last) {
        // One after the other, so that an older reading never reports after a newer one.
        this.#reading = this.#reading.then(() => this.#readOnce(last));
        return this.#reading;
    }
    async #readOnce(last) {
        const text = await this.#readEnd();
        if (text === null)
            return;
        const lines = text.split('\n');
        const open = lines.pop() ?? '';
        if (last && open.trim() !== '')
            lines.push(open);
        const line = lines.findLast((each) => each.trim() !== '');
        if (line === undefined)
            return;
        const progress = parseProgress(line);
        if (progress !== null)
            this.#report(progress);
        else if (!this.#complained) {
            this.#complained = true;
            this.#complain(line);
        }
    }
    async #readEnd() {
        try {
            const { size, mtimeMs } = await (0,promises_.stat)(this.#path);
            const state = `${size} ${mtimeMs}`;
            if (size === 0)
                return null;
            const file = await (0,promises_.open)(this.#path, 'r');
            try {
                const from = Math.max(0, size - READ_BYTES);
                const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
                const end = buffer.toString('utf8', 0, bytesRead);
                // What the window cut in two is no line, and part of a secret would not be found.
                const text = from === 0 ? end : end.slice(end.indexOf('\n') + 1 || end.length);
                if (this.#seen === `${state}\n${text}`)
                    return null;
                this.#seen = `${state}\n${text}`;
                return text;
            }
            finally {
                await file.close();
            }
        }
        catch {
            // Removed or replaced by the handler, which is its own affair: progress is a courtesy.
            return null;
        }
    }
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/stop.js

/** How long a handler may take to end after it was told to, in milliseconds. */
const GRACE_MS = 5_000;
/** The runner leaves 7.5 s between SIGINT and SIGTERM: the worker has to be out by then, with jobs handed back. */
const SHUTDOWN_GRACE_MS = 2_000;
/** What an aborted signal asks for. A reason that is no `AbortReason` counts as a shutdown, the quickest. */
function readStop(signal, graceMs) {
    const reason = signal.reason;
    const known = reason instanceof handler/* AbortReason */.X ? reason : null;
    const abortCause = known?.abortCause ?? 'shutdown';
    return {
        abortCause,
        message: known?.message ?? 'the worker stops',
        graceMs: abortCause === 'shutdown' ? Math.min(graceMs, SHUTDOWN_GRACE_MS) : graceMs,
    };
}
/** The outcome of a handler that was stopped before it gave one. */
function stoppedOutcome(stop, how) {
    const said = {
        ended: 'The handler ended when it was told to',
        killed: `The handler did not end within ${stop.graceMs / 1000} s of being told to and was killed`,
        'never started': 'The handler was not started',
    }[how];
    return {
        outcome: 'failure',
        kind: stop.abortCause === 'timeout' ? 'timeout' : 'error',
        message: `${said}: ${stop.message}`,
    };
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/executable.js












/** Lines of stderr that an error keeps. */
const ERROR_LINES = 10;
const PROGRESS_POLL_MS = 500;
/** How long output may take to arrive once the process and its tree are gone, in milliseconds. */
const DRAIN_MS = 2_000;
/**
 * Runs an executable handler as a process of its own. Whatever it started and left running is killed when it
 * ends; the promise settles after that.
 * @param signal Stops it; in place of `context.signal`, so that closing stops it too.
 * @throws CustomHandlerError when there is no way to start it (`CustomHandlerError.toOutcome`).
 */
async function runExecutable(handler, context, signal, options) {
    const command = await commandFor(handler, options.env);
    const job = { ...context.job, config: context.config };
    const files = await createJobFiles(options.scratchDir, job, context.idempotencyKey);
    try {
        return await runCommand(command, handler, context, signal, options, files);
    }
    finally {
        await files.remove();
    }
}
async function runCommand(command, handler, context, signal, options, files) {
    const changes = new Changes();
    const errors = new Tail(ERROR_LINES, (text) => context.redact(text));
    const mark = (0,external_node_crypto_.randomUUID)();
    const child = start(command, options, { ...files.env, [MARK_NAME]: mark });
    if (child instanceof Error)
        return startFailure(handler, command, child);
    const { pid } = child;
    let failed = null;
    let exit = null;
    let closed = false;
    child.on('error', (error) => {
        if (pid === undefined)
            failed = error;
        changes.notify();
    });
    child.once('exit', (code, signal) => {
        exit = { code, signal };
        changes.notify();
    });
    child.once('close', () => {
        closed = true;
        changes.notify();
    });
    const splitters = ['stdout', 'stderr'].map((stream) => follow(child, stream, context, errors));
    feed(child, files.input);
    const memory = pid === undefined ? null : remember(pid);
    const progress = new ProgressFile(files.progressPath, (value) => context.progress(value), (line) => context.log.line(`cloud-jobs: this progress line is not understood: ${line}`, 'stderr'));
    const poll = setInterval(() => void progress.read(false), PROGRESS_POLL_MS);
    const onAbort = () => changes.notify();
    signal.addEventListener('abort', onAbort);
    const over = () => exit !== null || failed !== null;
    try {
        await changes.until(() => over() || signal.aborted);
        let stop = null;
        let killed = false;
        if (!over()) {
            stop = readStop(signal, options.graceMs);
            // To the whole group: a shell waits for the program in its foreground before it obeys a signal.
            if (pid !== undefined)
                signalGroup(pid, 'SIGTERM');
            killed = !(await changes.until(over, process.platform === 'win32' ? 0 : stop.graceMs));
        }
        if (pid !== undefined)
            await killTree(pid, mark);
        await changes.until(() => (closed && over()) || failed !== null, DRAIN_MS);
        for (const splitter of splitters)
            splitter.flush();
        await progress.read(true);
        if (failed !== null)
            return startFailure(handler, command, failed);
        const end = exit ?? {
            code: null,
            signal: 'SIGKILL',
        };
        if (stop !== null && end.code !== 0)
            return stoppedOutcome(stop, killed ? 'killed' : 'ended');
        return await exitOutcome({
            name: handler.name,
            ...end,
            errors: errors.lines,
            binary: command.binary,
            resultPath: files.resultPath,
            redact: (text) => context.redact(text),
            complain: (line) => context.log.line(`cloud-jobs: ${line}`, 'stderr'),
        });
    }
    finally {
        clearInterval(poll);
        signal.removeEventListener('abort', onAbort);
        memory?.forget();
        child.stdout?.destroy();
        child.stderr?.destroy();
    }
}
function start(command, options, env) {
    try {
        return (0,external_node_child_process_.spawn)(command.program, [...command.args], {
            // A group of its own, so that all it starts can be signalled and killed with it.
            detached: true,
            windowsHide: true,
            stdio: ['pipe', 'pipe', 'pipe'],
            // Python holds output back when it goes to a pipe; progress and log would come at the end only.
            env: { PYTHONUNBUFFERED: '1', ...options.env, ...env },
            ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        });
    }
    catch (error) {
        // Some errors (E2BIG) are thrown, others come as an event.
        return error instanceof Error ? error : new Error(String(error));
    }
}
function follow(child, stream, context, errors) {
    const splitter = new LineSplitter((line) => {
        // The runner's own way of masking, which authors of shell steps know. Obeyed and not shown.
        const masked = maskedValue(line);
        if (masked !== null) {
            if (masked !== '')
                context.secret(masked);
            return;
        }
        if (stream === 'stderr')
            errors.push(line);
        context.log.line(line, stream);
    }, (text) => context.redact(text));
    child[stream]?.on('data', (chunk) => splitter.push(chunk));
    child[stream]?.on('error', () => { });
    return splitter;
}
function feed(child, input) {
    // EPIPE: the handler does not read its standard input, or ended before it did. Both are fine.
    child.stdin?.on('error', () => { });
    child.stdin?.end(input);
}
function startFailure(handler, command, error) {
    const code = 'code' in error ? String(error.code) : '';
    const why = {
        ENOENT: `${command.program} or the working directory is not there`,
        EACCES: 'the file or its file system does not allow to run it',
        E2BIG: 'the environment of the step is too large for a new process',
        ENOEXEC: 'it is in no format that this machine can run',
    };
    return {
        outcome: 'failure',
        kind: 'error',
        message: `The handler "${handler.name}" could not be started: ${why[code] ?? error.message} (${code || 'no code'}).`,
    };
}

// EXTERNAL MODULE: ./lib/src/handlers/custom/handler-name.js
var handler_name = __webpack_require__(294);
;// CONCATENATED MODULE: ./lib/src/handlers/custom/file-kind.js

/** Run in a reused Node process. */
const MODULE_EXTENSIONS = ['.mjs', '.js', '.cjs', '.ts', '.mts', '.cts'];
/** Run as a process of their own by an interpreter, even without a run bit. */
const SCRIPT_EXTENSIONS = ['.sh', '.py'];
const WINDOWS_EXTENSIONS = ['.exe', '.com'];
/**
 * How a file in the handlers folder is run, or null when it is nothing that can be run.
 * @param mode The `mode` of its stat. Windows has no run bit: there the extension decides.
 */
function fileKind(path, mode, platform) {
    if (/\.d\.[cm]?ts$/.test(path))
        return null;
    const extension = (0,external_node_path_.extname)(path).toLowerCase();
    if (MODULE_EXTENSIONS.includes(extension))
        return 'module';
    if (SCRIPT_EXTENSIONS.includes(extension))
        return 'executable';
    if (platform === 'win32')
        return WINDOWS_EXTENSIONS.includes(extension) ? 'executable' : null;
    return (mode & 0o111) === 0 ? null : 'executable';
}

// EXTERNAL MODULE: ./lib/src/text/edit-distance.js
var edit_distance = __webpack_require__(8480);
;// CONCATENATED MODULE: ./lib/src/handlers/custom/list-handlers.js




const MAX_FILES = 200;
const list_handlers_MAX_DEPTH = 4;
/** The runnable files in the folder and below, relative, sorted; at most 200. Unreadable parts are left out. */
async function listHandlers(folder) {
    const found = [];
    await walk(folder, '', 0, found);
    return found.sort();
}
async function walk(folder, prefix, depth, found) {
    const entries = await (0,promises_.readdir)((0,external_node_path_.join)(folder, prefix), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
        if (found.length >= MAX_FILES)
            return;
        if (entry.name.startsWith('.') || entry.name === 'node_modules')
            continue;
        const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
        if (entry.isDirectory()) {
            if (depth < list_handlers_MAX_DEPTH)
                await walk(folder, name, depth + 1, found);
            continue;
        }
        const info = await (0,promises_.stat)((0,external_node_path_.join)(folder, name)).catch(() => null);
        if (info?.isFile() && fileKind(name, info.mode, process.platform) !== null)
            found.push(name);
    }
}
/** The name in the list that a mistyped name most likely means, or null when none is near. */
function nearestName(wanted, names) {
    const plain = (name) => name.toLowerCase().replace(/\.[^./]+$/, '');
    const limit = Math.max(2, Math.floor(wanted.length / 3));
    let best = null;
    for (const name of names) {
        const file = plain(name).split('/').at(-1) ?? '';
        const distance = Math.min((0,edit_distance/* editDistance */.Y)(plain(wanted), plain(name)), 
        // The right file in another sub-folder is near as well.
        (0,edit_distance/* editDistance */.Y)(plain(wanted).split('/').at(-1) ?? '', file) + 1);
        if (distance <= limit && (best === null || distance < best.distance))
            best = { name, distance };
    }
    return best?.name ?? null;
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/locate.js





const CHECKOUT_HINT = 'A workflow has to check the repository out (actions/checkout) before cloud-jobs runs.';
/**
 * Finds the file that a checked name (`readCustomConfig`) means.
 * @throws CustomHandlerError with `final` false: missing folder, missing, ambiguous or unrunnable file, a link
 *   that leads out of the folder. The next deploy may mend each of them.
 */
async function locateHandler(folder, name) {
    const root = await openFolder(folder);
    const parent = (0,external_node_path_.join)(root, (0,external_node_path_.dirname)(name));
    // The listing decides, not stat: on a file system that ignores case, "Report" would otherwise be "report".
    const siblings = await (0,promises_.readdir)(parent).catch(() => []);
    const wanted = (0,external_node_path_.basename)(name);
    if (siblings.includes(wanted)) {
        const exact = await inspect(root, folder, name);
        if (exact.kind !== null)
            return { name, path: exact.path, kind: exact.kind };
        const others = await runnable(root, folder, name, siblings);
        if (others.length === 0)
            throw unrunnable(folder, name, exact.isDirectory);
        return pick(name, others);
    }
    const found = await runnable(root, folder, name, siblings);
    if (found.length === 0)
        throw await missing(root, folder, name);
    return pick(name, found);
}
async function openFolder(folder) {
    if (folder.trim() === '') {
        throw retryable('The input `handlers` is empty. Name the folder that holds the handlers of custom jobs.');
    }
    const named = `The handlers folder ${JSON.stringify(folder)} (input \`handlers\`)`;
    try {
        const root = await (0,promises_.realpath)(folder);
        if ((await (0,promises_.stat)(root)).isDirectory())
            return root;
    }
    catch (error) {
        if (!(0,errors.hasCode)(error, 'ENOENT', 'ENOTDIR'))
            throw retryable(`${named} cannot be read.`, error);
        throw retryable(`${named} does not exist. ${CHECKOUT_HINT}`, error);
    }
    throw retryable(`${named} is a file. Name the folder that holds the handlers.`);
}
async function inspect(root, folder, name) {
    let path;
    try {
        path = await (0,promises_.realpath)((0,external_node_path_.join)(root, name));
    }
    catch (error) {
        throw retryable(`The handler ${inFolder(folder, name)} is a link that leads nowhere.`, error);
    }
    const inside = (0,external_node_path_.relative)(root, path);
    if (inside === '..' || inside.startsWith(`..${external_node_path_.sep}`) || (0,external_node_path_.isAbsolute)(inside)) {
        throw retryable(`The handler ${inFolder(folder, name)} is a link that leads out of the handlers folder. ` +
            'Put the file itself there, or import what it needs from a handler.');
    }
    const info = await (0,promises_.stat)(path);
    // The extension of the name decides, so that a link `report.py` to `lib/report` runs as Python.
    const kind = info.isFile() ? fileKind(name, info.mode, process.platform) : null;
    return { path, kind, isDirectory: info.isDirectory() };
}
async function runnable(root, folder, name, siblings) {
    const found = [];
    for (const sibling of siblings) {
        if ((0,external_node_path_.extname)(sibling) === '' || (0,external_node_path_.basename)(sibling, (0,external_node_path_.extname)(sibling)) !== (0,external_node_path_.basename)(name))
            continue;
        const full = (0,external_node_path_.dirname)(name) === '.' ? sibling : `${(0,external_node_path_.dirname)(name)}/${sibling}`;
        const { path, kind } = await inspect(root, folder, full);
        if (kind !== null)
            found.push({ name: full, path, kind });
    }
    return found;
}
function pick(name, found) {
    const [first, second] = found;
    if (first !== undefined && second === undefined)
        return first;
    const names = found.map((handler) => handler.name).sort();
    throw retryable(`config.handler "${name}" is ambiguous: it can mean ${names.join(' or ')}. Give the name with its extension.`);
}
function unrunnable(folder, name, isDirectory) {
    const named = `The handler ${inFolder(folder, name)}`;
    return isDirectory
        ? retryable(`${named} is a folder. Name a file in it, such as "${name}/report".`)
        : retryable(`${named} is nothing that can be run: it has neither a known extension (.mjs .js .cjs .ts .mts .cts .sh ` +
            `.py) nor a run bit. Set the bit with "git update-index --chmod=+x".`);
}
async function missing(root, folder, name) {
    const names = await listHandlers(root);
    const nearest = nearestName(name, names);
    const shown = names.slice(0, 20).join(', ') + (names.length > 20 ? ` and ${names.length - 20} more` : '');
    return retryable([
        `There is no handler "${name}" in the folder ${JSON.stringify(folder)} (input \`handlers\`).`,
        ...(nearest === null ? [] : [`Did you mean "${nearest}"?`]),
        names.length === 0 ? 'The folder holds no handler at all.' : `Handlers there: ${shown}.`,
    ].join(' '));
}
function inFolder(folder, name) {
    return `"${name}" in ${JSON.stringify(folder)}`;
}
function retryable(message, cause) {
    return new errors.CustomHandlerError(message, { final: false, cause });
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

;// CONCATENATED MODULE: ./lib/src/handlers/custom/job-output.js


/**
 * One output stream of a reused process, cut into the output of its jobs by the marks in it. What lies outside
 * the marks of the current run (a timer of an earlier job that still prints) is dropped.
 */
class JobOutput {
    #lines = new LineSplitter((line) => this.#take(line), (text) => this.#sink?.redact(text) ?? text);
    #run = null;
    #sink = null;
    /** Open at first: what a process prints before it can mark (Node refusing to start) is worth showing. */
    #open = true;
    /** An empty line is held back: it may be the line end that a mark begins with. */
    #heldEmpty = false;
    push(chunk) {
        this.#lines.push(chunk);
    }
    start(run, sink) {
        this.#run = run;
        this.#sink = sink;
    }
    /** The stream is over: gives out what is left. */
    flush() {
        this.#lines.flush();
        this.#release();
        this.stop();
    }
    /** The run is over, with or without its end mark. */
    stop() {
        this.#run = null;
        this.#sink = null;
        this.#open = false;
        this.#heldEmpty = false;
    }
    #take(line) {
        const found = this.#run === null ? null : decodeMark(this.#run, line);
        if (found !== null) {
            this.#heldEmpty = false;
            this.#obey(found);
            return;
        }
        if (!this.#open || this.#sink === null)
            return;
        this.#release();
        if (line === '')
            this.#heldEmpty = true;
        else
            this.#sink.line(line);
    }
    #obey(found) {
        const sink = this.#sink;
        if (found.kind === 'begin') {
            this.#open = true;
            sink?.begin();
        }
        else if (found.kind === 'secret')
            sink?.secret(found.value);
        else {
            this.stop();
            sink?.end();
        }
    }
    #release() {
        if (this.#heldEmpty && this.#open)
            this.#sink?.line('');
        this.#heldEmpty = false;
    }
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/module-child.js











/** How long output may take to arrive once the handler has ended or its process is gone, in milliseconds. */
const module_child_DRAIN_MS = 2_000;
/** One host process. Runs one request at a time. */
class ModuleChild {
    #child;
    #graceMs;
    #mark = (0,external_node_crypto_.randomUUID)();
    #changes = new Changes();
    #streams = { stdout: new JobOutput(), stderr: new JobOutput() };
    #forget;
    #gone = null;
    #onMessage = null;
    constructor(options) {
        this.#graceMs = options.graceMs;
        const script = options.hostScript;
        this.#child = (0,external_node_child_process_.fork)(script instanceof URL ? (0,external_node_url_.fileURLToPath)(script) : script, [], {
            // A group of its own, so that all it starts can be killed with it.
            detached: true,
            windowsHide: true,
            serialization: 'json',
            stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
            env: { ...options.env, [MARK_NAME]: this.#mark },
            execArgv: [
                // Both would be printed into the output of whatever job comes first, and the author cannot act on them.
                '--disable-warning=ExperimentalWarning',
                '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
                ...(options.memoryMb === undefined ? [] : [`--max-old-space-size=${options.memoryMb}`]),
            ],
            ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        });
        const { pid } = this.#child;
        this.#forget = pid === undefined ? () => { } : remember(pid).forget;
        this.#child.on('message', (message) => this.#onMessage?.(message));
        // Every time: an `error` event (of a failed kill, say) that nobody hears would end the worker.
        this.#child.on('error', (error) => {
            if (pid === undefined)
                this.#leave({ code: null, signal: null, error });
        });
        this.#child.once('exit', (code, signal) => void this.#afterExit(code, signal));
        for (const name of ['stdout', 'stderr']) {
            this.#child[name]?.on('data', (chunk) => this.#streams[name].push(chunk));
            this.#child[name]?.on('error', () => { });
        }
    }
    get alive() {
        return this.#gone === null && this.#child.connected;
    }
    get pid() {
        return this.#child.pid;
    }
    /**
     * Runs one request to its end. Never rejects for what a handler does. When `hooks.signal` aborts, the handler
     * is told, given its grace and then killed with all that it started.
     */
    async run(request, hooks) {
        let ended = null;
        let begun = false;
        const open = new Set(['stdout', 'stderr']);
        const secrets = new Set();
        const secret = (value) => {
            // It comes by both streams and the channel, whichever is first.
            if (secrets.has(value))
                return;
            secrets.add(value);
            hooks.secret(value);
        };
        const errors = new Tail(30, (text) => hooks.redact(text));
        this.#onMessage = (message) => {
            if (message?.run !== request.run)
                return;
            if (message.type === 'progress')
                hooks.progress(message.progress);
            else if (message.type === 'secret')
                secret(message.value);
            else if (message.type === 'end') {
                ended = message;
                this.#changes.notify();
            }
        };
        for (const stream of ['stdout', 'stderr']) {
            this.#streams[stream].start(request.run, {
                line: (text) => {
                    // What `core.setSecret` prints. Obeyed and not shown.
                    const masked = maskedValue(text);
                    if (masked !== null) {
                        if (masked !== '')
                            secret(masked);
                        return;
                    }
                    if (stream === 'stderr')
                        errors.push(text);
                    hooks.line(text, stream);
                },
                secret,
                redact: (text) => hooks.redact(text),
                begin: () => {
                    begun = true;
                },
                end: () => {
                    open.delete(stream);
                    this.#changes.notify();
                },
            });
        }
        const onAbort = () => this.#changes.notify();
        hooks.signal.addEventListener('abort', onAbort);
        this.#send(request);
        const over = () => ended !== null || this.#gone !== null;
        let stopped = null;
        let killed = false;
        try {
            await this.#changes.until(() => over() || hooks.signal.aborted);
            if (!over()) {
                stopped = readStop(hooks.signal, this.#graceMs);
                const { abortCause, message } = stopped;
                this.#send({ type: 'abort', run: request.run, abortCause, message });
                killed = !(await this.#changes.until(over, stopped.graceMs));
            }
            const drained = ended !== null && (await this.#changes.until(() => open.size === 0 || this.#gone !== null, module_child_DRAIN_MS));
            const last = ended;
            const reusable = drained && last?.reusable === true && !hooks.signal.aborted && this.alive;
            if (!reusable)
                await this.kill();
            return {
                reusable,
                begun,
                outcome: last?.outcome ?? this.#endWithout(stopped, killed, request.name, errors),
            };
        }
        finally {
            hooks.signal.removeEventListener('abort', onAbort);
            this.#onMessage = null;
            this.#streams.stdout.stop();
            this.#streams.stderr.stop();
        }
    }
    /** Kills the process and all that it started; settles when they are gone. */
    async kill() {
        const { pid } = this.#child;
        if (this.#gone !== null || pid === undefined)
            return;
        await killTree(pid, this.#mark);
        // `exit` follows the death; the wait is bounded for a process that even SIGKILL cannot end.
        await this.#changes.until(() => this.#gone !== null, module_child_DRAIN_MS);
    }
    #endWithout(stopped, killed, name, errors) {
        if (stopped !== null)
            return stoppedOutcome(stopped, killed ? 'killed' : 'ended');
        return crashOutcome(name, this.#gone ?? { code: null, signal: null }, errors.lines);
    }
    async #afterExit(code, signal) {
        const { pid } = this.#child;
        let closed = false;
        this.#child.once('close', () => {
            closed = true;
            this.#changes.notify();
        });
        if (pid !== undefined)
            await killTree(pid, this.#mark);
        // A process that left the group may hold the pipes open for ever.
        await this.#changes.until(() => closed, module_child_DRAIN_MS);
        this.#child.stdout?.destroy();
        this.#child.stderr?.destroy();
        this.#leave({ code, signal });
    }
    #leave(gone) {
        this.#forget();
        this.#streams.stdout.flush();
        this.#streams.stderr.flush();
        this.#gone = gone;
        this.#changes.notify();
    }
    #send(message) {
        // A closed channel is told by the exit of the process; without a callback it would be thrown.
        if (this.#child.connected)
            this.#child.send(message, () => { });
    }
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/module-pool.js

/**
 * Host processes that are kept for the next job. As many run as there are jobs at once (the worker limits that);
 * at most `maxIdle` wait. A process that may still be busy with its last job is never given another.
 */
class ModulePool {
    #options;
    #maxIdle;
    #idle = [];
    #all = new Set();
    #closed = false;
    constructor(options, maxIdle) {
        this.#options = options;
        this.#maxIdle = maxIdle;
    }
    async run(request, hooks) {
        const { child, warm } = this.#take();
        const { outcome, reusable, begun } = await child.run(request, hooks);
        // It died while it waited (something that its last job left behind), and this job was not begun.
        if (warm && !begun && !hooks.signal.aborted && !this.#closed) {
            await this.#drop(child);
            return this.run(request, hooks);
        }
        if (reusable && !this.#closed && this.#idle.length < this.#maxIdle) {
            this.#idle.push(child);
        }
        else {
            await this.#drop(child);
        }
        return outcome;
    }
    /** Kills every process, busy or not; settles when all are gone. */
    async close() {
        this.#closed = true;
        this.#idle.length = 0;
        await Promise.all([...this.#all].map((child) => child.kill()));
        this.#all.clear();
    }
    async #drop(child) {
        await child.kill();
        this.#all.delete(child);
    }
    #take() {
        if (this.#closed)
            throw new Error('The custom handlers are closed: no job can be started any more.');
        for (let child = this.#idle.pop(); child !== undefined; child = this.#idle.pop()) {
            // The last one used is the warmest. It may have died while it waited.
            if (child.alive)
                return { child, warm: true };
            this.#all.delete(child);
        }
        const child = new ModuleChild(this.#options);
        this.#all.add(child);
        return { child, warm: false };
    }
}

;// CONCATENATED MODULE: ./lib/src/handlers/custom/custom-handlers.js











/** Loading a handler to check a config may take this long, in milliseconds. */
const VALIDATE_MS = 30_000;
/** The handlers that live in the caller's repository. Starts no process until the first job. */
function createCustomHandlers(options) {
    const env = childEnv(options.env);
    const graceMs = options.graceMs ?? GRACE_MS;
    const shared = { env, graceMs, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) };
    const pool = new ModulePool({
        ...shared,
        hostScript: options.hostScript,
        ...(options.memoryMb === undefined ? {} : { memoryMb: options.memoryMb }),
    }, options.maxIdle ?? 4);
    const closing = new AbortController();
    const executables = new Set();
    async function run(context) {
        const { handler, rest } = (0,handler_name/* readCustomConfig */.Y)(context.config);
        const located = await locateHandler(options.folder, handler);
        if (context.signal.aborted)
            return stoppedOutcome(readStop(context.signal, graceMs), 'never started');
        if (located.kind === 'executable') {
            const signal = AbortSignal.any([context.signal, closing.signal]);
            const running = runExecutable(located, context, signal, { ...shared, scratchDir: options.scratchDir });
            executables.add(running);
            return running.finally(() => executables.delete(running));
        }
        const request = {
            type: 'run',
            run: (0,external_node_crypto_.randomUUID)(),
            url: (0,external_node_url_.pathToFileURL)(located.path).href,
            name: located.name,
            config: rest,
            job: { ...context.job, config: context.config },
            idempotencyKey: context.idempotencyKey,
        };
        return pool.run(request, {
            signal: context.signal,
            line: (text, stream) => context.log.line(text, stream),
            progress: (progress) => context.progress(progress),
            secret: (value) => context.secret(value),
            redact: (text) => context.redact(text),
        });
    }
    async function validate(config) {
        const { handler, rest } = (0,handler_name/* readCustomConfig */.Y)(config);
        const located = await locateHandler(options.folder, handler);
        if (located.kind === 'executable') {
            await commandFor(located, env);
            return;
        }
        const request = {
            type: 'check',
            run: (0,external_node_crypto_.randomUUID)(),
            url: (0,external_node_url_.pathToFileURL)(located.path).href,
            name: located.name,
            config: rest,
            job: null,
            idempotencyKey: '',
        };
        const signal = AbortSignal.timeout(VALIDATE_MS);
        const outcome = await pool.run(request, {
            signal,
            line: () => { },
            progress: () => { },
            secret: () => { },
            redact: (text) => text,
        });
        if (outcome.outcome === 'success')
            return;
        const message = signal.aborted
            ? `The handler "${located.name}" did not load within ${VALIDATE_MS / 1000} s.`
            : outcome.outcome === 'failure'
                ? outcome.message
                : outcome.reason;
        throw new errors.CustomHandlerError(message, { final: outcome.outcome === 'discard' });
    }
    return {
        handler: (context) => run(context).catch((error) => {
            if (error instanceof errors.CustomHandlerError)
                return error.toOutcome();
            throw error;
        }),
        validate,
        async close() {
            closing.abort(new handler/* AbortReason */.X('shutdown', 'the handlers are closed'));
            await Promise.all([pool.close(), Promise.allSettled([...executables])]);
        },
    };
}


/***/ }),

/***/ 9786:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

__webpack_require__.r(__webpack_exports__);
/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   CustomHandlerError: () => (/* binding */ CustomHandlerError),
/* harmony export */   hasCode: () => (/* binding */ hasCode)
/* harmony export */ });
/**
 * A custom job that cannot be started. `final` tells the two kinds apart: a name that can never be right is
 * discarded, while a file that is missing today may be there after the next deploy, so it is retried.
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
/** True for an error of the file system (or of a spawn) with one of these codes. */
function hasCode(error, ...codes) {
    return (error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code));
}


/***/ }),

/***/ 294:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   Y: () => (/* binding */ readCustomConfig)
/* harmony export */ });
/* harmony import */ var _errors_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(9786);

const EXAMPLE = '{"handler": "report"}';
/**
 * Takes the config of a custom job apart and refuses names that could never be a file of the handlers folder.
 * Looks at text only: what is on disk is checked by `locateHandler`.
 * @throws CustomHandlerError with `final` true.
 */
function readCustomConfig(config) {
    if (config === null || typeof config !== 'object' || Array.isArray(config)) {
        throw refuse(`The config of a custom job must be a JSON object that names a handler, such as ${EXAMPLE}.`);
    }
    const { handler, ...rest } = config;
    if (handler === undefined) {
        throw refuse(`The config of this custom job names no handler. Add one, such as ${EXAMPLE}.`);
    }
    if (typeof handler !== 'string') {
        throw refuse(`config.handler must be text, such as ${EXAMPLE}; it is ${JSON.stringify(handler)}.`);
    }
    return { handler: checkName(handler), rest };
}
function checkName(given) {
    const shown = JSON.stringify(given.length > 200 ? `${given.slice(0, 200)}…` : given);
    const because = (why) => refuse(`config.handler is ${shown}: ${why}. Give a name relative to the handlers folder, such as "report".`);
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
function refuse(message) {
    return new _errors_js__WEBPACK_IMPORTED_MODULE_0__.CustomHandlerError(message, { final: true });
}


/***/ })

};
