export const id = 927;
export const ids = [927,529];
export const modules = {

/***/ 6927:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  apply: () => (/* binding */ apply)
});

// EXTERNAL MODULE: ./lib/src/commands/answer.js
var answer = __webpack_require__(1459);
// EXTERNAL MODULE: ./lib/src/text/describe-error.js
var describe_error = __webpack_require__(6912);
// EXTERNAL MODULE: ./lib/src/text/json-fault.js
var json_fault = __webpack_require__(1685);
// EXTERNAL MODULE: ./lib/src/commands/create.js
var create = __webpack_require__(5529);
// EXTERNAL MODULE: ./lib/src/commands/option-names.js
var option_names = __webpack_require__(8829);
// EXTERNAL MODULE: ./lib/src/commands/options.js + 7 modules
var commands_options = __webpack_require__(5275);
;// CONCATENATED MODULE: ./lib/src/commands/jobs-file.js






/** What a job in the file may say: what create takes, without what the file's own form says. */
const NOT_OF_A_JOB = ['unique-key', 'run-at', 'handlers'];
const KEYS = option_names/* USED */.mU.create.filter((name) => !NOT_OF_A_JOB.includes(name));
const MOST_JOBS = 1000;
/**
 * Reads a jobs file: `jobs:` with one entry for each job under its key, in the words of the command `create`.
 * @param text YAML 1.2
 * @param file how to call it in errors
 * @returns the jobs that can be read, and every problem of the others, each with its job and its line
 * @throws CommandError when it is no jobs file
 */
async function readJobsFile(text, file, connection, redact) {
    // Loaded here, since no other command needs it.
    const { LineCounter, parseDocument, isMap, isScalar, visit } = await __webpack_require__.e(/* import() */ 815).then(__webpack_require__.t.bind(__webpack_require__, 8815, 19));
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const source = text.split(/\r\n|\n|\r/);
    // One mistake makes several errors on its line.
    const problems = [
        ...new Set([...document.errors, ...document.warnings].map((error) => {
            const { line } = lines.linePos(error.pos[0]);
            const [, key] = /^\s*([\w-]+):\s*\*/.exec(source[line - 1] ?? '') ?? [];
            return key === undefined
                ? `line ${line}: ${error.message}`
                : `line ${line}: put the value of ${key} in quotes, ${key}: "*/5 * * * *": YAML takes a bare * for the name of something else`;
        })),
    ];
    visit(document, {
        Pair: (_, { key }) => {
            if (isScalar(key) || key === null)
                return;
            const [start = 0] = key.range ?? [];
            problems.push(`line ${lines.linePos(start).line}: a name must be a text`);
        },
    });
    if (problems.length > 0)
        throw fault(file, problems);
    const content = document.toJS({ maxAliasCount: 100 });
    if (!isRecord(content) || !isRecord(content.jobs)) {
        throw fault(file, ['it has no "jobs:" with an entry for each job under its key']);
    }
    const others = Object.keys(content).filter((key) => key !== 'jobs');
    if (others.length > 0)
        problems.push(`"${others[0]}" is not known here: only "jobs" is`);
    const entries = Object.entries(content.jobs);
    if (entries.length > MOST_JOBS)
        problems.push(`it has ${entries.length} jobs; ${MOST_JOBS} are the most`);
    const nodes = document.get('jobs');
    const lineOf = (key) => {
        const pair = isMap(nodes) ? nodes.items.find((item) => String(item.key) === key) : undefined;
        const offset = pair?.key?.range?.[0];
        return offset === undefined ? '' : ` (line ${lines.linePos(offset).line})`;
    };
    const jobs = [];
    for (const [key, value] of entries) {
        const place = `${key}${lineOf(key)}`;
        const found = [];
        const job = readJob(key, value, connection, redact, found);
        if (job !== null && found.length === 0)
            jobs.push({ place, job });
        problems.push(...found.map((problem) => `${place}: ${problem}`));
    }
    return { jobs, problems };
}
/** Adds what is wrong to `problems`; the job is then not to be used. */
function readJob(key, value, connection, redact, problems) {
    if (!isRecord(value)) {
        problems.push('it is not a list of "name: value" pairs');
        return null;
    }
    const raw = {};
    for (const [name, given] of Object.entries(value)) {
        // YAML can say what JSON would change in silence (.nan, .inf), and what is too deep to be written.
        const unfit = name === 'config' ? (0,json_fault/* jsonFault */.x)(given) : null;
        const text = unfit === null ? asText(name, given) : null;
        if (!KEYS.includes(name)) {
            const near = (0,option_names/* nearest */.pA)(name, KEYS);
            const hint = near === null ? `Known are: ${KEYS.join(', ')}` : `Did you mean ${near}?`;
            problems.push(`"${name}" is not known here. ${hint}`);
        }
        else if (unfit !== null) {
            problems.push(`its config ${unfit}`);
            // Told once; what else a config must hold is not to be told of one that is there.
            if (value['job-type'] === 'custom')
                raw.config = '{"handler": "x"}';
        }
        else if (text === null) {
            problems.push(`its ${name} is not a text or a number`);
        }
        else {
            raw[name] = text;
        }
    }
    if (!('schedule' in value) || raw.schedule?.trim() === '') {
        problems.push('it has no schedule. The file is for recurring jobs: one that runs once would be created again with every apply');
        // What only a schedule makes sense of would be told as a problem of its own.
        raw.schedule = '@daily';
    }
    const options = {
        name: key,
        ...raw,
        command: 'create',
        'unique-key': key,
        'supabase-url': connection.url,
        'supabase-key': connection.key,
        'supabase-publishable-key': connection.publishableKey ?? undefined,
    };
    try {
        const read = (0,commands_options/* readOptions */.Tt)(options, { ...DOOR, redact });
        if (read.options.command === 'create')
            return (0,create/* newJob */.i)(read.options);
    }
    catch (error) {
        problems.push(...(error instanceof commands_options/* OptionsError */.ZW ? error.problems : [(0,describe_error/* describeError */.U)(error)]));
    }
    return null;
}
const DOOR = { label: (name) => name, noun: 'input', missing: () => '' };
/** A value as the text that the same input of the action would have; null where it has none. */
function asText(name, value) {
    if (value === null || value === undefined)
        return '';
    if (name === 'config')
        return JSON.stringify(value);
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
        return String(value);
    return null;
}
const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** What is wrong with a jobs file, one line for each problem. */
function fault(file, problems) {
    const list = problems.map((problem) => `- ${problem}`).join('\n');
    return new answer/* CommandError */.Q(`${file} cannot be applied; nothing was changed:\n${list}`);
}

;// CONCATENATED MODULE: ./lib/src/commands/apply.js


/**
 * Makes the recurring jobs in the database what the jobs file says. Everything is checked before anything is changed.
 * @throws CommandError with all that is wrong with the file
 */
async function apply(options, deps) {
    const { file, prune, dryRun, connection } = options;
    let text;
    try {
        text = await deps.readFile(file);
    }
    catch (cause) {
        throw new answer/* CommandError */.Q(`The jobs file ${JSON.stringify(file)} cannot be read. Check the path, and in a workflow that actions/checkout comes before.`, { cause });
    }
    const read = await readJobsFile(text, file, connection, deps.redact);
    const unfit = await deps.checkByHandlers(read.jobs.map(({ job }) => ({ type: job.job_type, config: job.config ?? {} })), options.handlers);
    const problems = [
        ...read.problems,
        ...read.jobs.flatMap(({ place }, index) => unfit[index] ? [`${place}: the config does not fit its handler: ${unfit[index]}`] : []),
    ];
    if (problems.length > 0)
        throw fault(file, problems);
    const jobs = read.jobs.map(({ job }) => job);
    const source = `${deps.repository ?? 'local'}:${file.replace(/^\.\//, '')}`;
    return { command: 'apply', source, reply: await deps.queue.apply(source, jobs, { prune, dryRun }) };
}


/***/ }),

/***/ 5529:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   create: () => (/* binding */ create),
/* harmony export */   i: () => (/* binding */ newJob)
/* harmony export */ });
/* harmony import */ var _handlers_index_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(9705);
/* harmony import */ var _answer_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(1459);


/**
 * Adds a job. Its config is checked for what its type needs, so that a typo is told now and not by a failed run.
 * @throws CommandError when the config does not fit the job type
 */
async function create(options, queue, checkByHandlers) {
    const job = newJob(options);
    const [problem] = await checkByHandlers([{ type: options.jobType, config: options.config }], options.handlers);
    if (problem)
        throw new _answer_js__WEBPACK_IMPORTED_MODULE_1__/* .CommandError */ .Q(`The config does not fit its handler: ${problem}`);
    const reply = await queue.enqueue([job]);
    const added = reply.jobs[0];
    if (!added)
        throw new _answer_js__WEBPACK_IMPORTED_MODULE_1__/* .CommandError */ .Q('The database took the job but named none. This is a defect: please report it.');
    return { command: 'create', jobId: added.job_id, name: options.name, created: added.created };
}
/**
 * The job that the options describe.
 * @throws Error that says what is wrong with the config
 */
function newJob(options) {
    const keyOfType = (0,_handlers_index_js__WEBPACK_IMPORTED_MODULE_0__/* .checkConfig */ .l2)(options.jobType, options.config);
    const concurrencyKey = options.concurrencyKey ?? keyOfType;
    return {
        name: options.name,
        job_type: options.jobType,
        config: options.config,
        description: options.description,
        priority: options.priority,
        queue: options.queue,
        ...(options.maxRetries === null ? {} : { max_retries: options.maxRetries }),
        ...(options.runAt === null
            ? {}
            : 'instant' in options.runAt
                ? { run_at: options.runAt.instant }
                : { delay_seconds: options.runAt.delaySeconds }),
        ...(options.uniqueKey === null ? {} : { unique_key: options.uniqueKey }),
        ...(concurrencyKey === null ? {} : { concurrency_key: concurrencyKey }),
        ...recurrenceColumns(options.recurrence),
        ...(options.timeoutSeconds === null
            ? {}
            : { timeout_seconds: Math.max(1, Math.round(options.timeoutSeconds)) }),
    };
}
/** The columns of a job that say when it recurs. */
function recurrenceColumns(recurrence) {
    if (recurrence === null)
        return {};
    const { schedule, timezone, missed, missedGraceSeconds } = recurrence;
    return {
        schedule,
        timezone,
        missed,
        ...(missedGraceSeconds === null ? {} : { missed_grace_seconds: missedGraceSeconds }),
    };
}


/***/ })

};
