export const id = 529;
export const ids = [529,873,405];
export const modules = {

/***/ 5529:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   create: () => (/* binding */ create),
/* harmony export */   i: () => (/* binding */ newJob)
/* harmony export */ });
/* harmony import */ var _handlers_custom_handler_name_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(294);
/* harmony import */ var _handlers_maintenance_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(5873);
/* harmony import */ var _handlers_paper_fetch_arxiv_js__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(7074);
/* harmony import */ var _handlers_paper_fetch_config_js__WEBPACK_IMPORTED_MODULE_3__ = __webpack_require__(7042);
/* harmony import */ var _answer_js__WEBPACK_IMPORTED_MODULE_4__ = __webpack_require__(1459);





/**
 * Adds a job. Its config is checked for what its type needs, so that a typo is told now and not by a failed run.
 * @throws CommandError when the config does not fit the job type
 */
async function create(options, queue, checkCustom) {
    const job = newJob(options);
    if (options.jobType === 'custom') {
        const [problem] = await checkCustom([options.config], options.handlers);
        if (problem)
            throw new _answer_js__WEBPACK_IMPORTED_MODULE_4__/* .CommandError */ .Q(`The config does not fit its handler: ${problem}`);
    }
    const reply = await queue.enqueue([job]);
    const added = reply.jobs[0];
    if (!added)
        throw new _answer_js__WEBPACK_IMPORTED_MODULE_4__/* .CommandError */ .Q('The database took the job but named none. This is a defect: please report it.');
    return { command: 'create', jobId: added.job_id, name: options.name, created: added.created };
}
/**
 * The job that the options describe.
 * @throws CommandError when the config does not fit the job type
 */
function newJob(options) {
    const concurrencyKey = options.concurrencyKey ?? checkConfig(options);
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
/** @returns the concurrency key that the type asks for, or null */
function checkConfig(options) {
    switch (options.jobType) {
        case 'custom':
            (0,_handlers_custom_handler_name_js__WEBPACK_IMPORTED_MODULE_0__/* .readCustomConfig */ .Y)(options.config);
            return null;
        case 'maintenance':
            (0,_handlers_maintenance_js__WEBPACK_IMPORTED_MODULE_1__/* .parseMaintenanceConfig */ .v)(options.config);
            return null;
        case 'paper_fetch': {
            const parsed = (0,_handlers_paper_fetch_config_js__WEBPACK_IMPORTED_MODULE_3__/* .parsePaperFetchConfig */ .c)(options.config);
            if (!parsed.ok)
                throw new _answer_js__WEBPACK_IMPORTED_MODULE_4__/* .CommandError */ .Q(`The config does not fit a paper_fetch job: ${parsed.message}`);
            // arXiv allows one connection at a time, over all machines together.
            return parsed.config.sources.includes('arxiv') ? _handlers_paper_fetch_arxiv_js__WEBPACK_IMPORTED_MODULE_2__/* .PAPER_FETCH_CONCURRENCY_KEY */ .w : null;
        }
    }
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


/***/ }),

/***/ 5873:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   createMaintenanceHandler: () => (/* binding */ createMaintenanceHandler),
/* harmony export */   v: () => (/* binding */ parseMaintenanceConfig)
/* harmony export */ });
/* unused harmony export MaintenanceConfigError */
/* harmony import */ var zod__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(749);

// Clients of the seed schema stored numbers and booleans as text.
const days = zod__WEBPACK_IMPORTED_MODULE_0__/* .union */ .KCZ([
    zod__WEBPACK_IMPORTED_MODULE_0__/* .number */ .aig(),
    zod__WEBPACK_IMPORTED_MODULE_0__/* .string */ .YjP()
        .trim()
        .regex(/^\d+(\.\d+)?$/)
        .transform(Number),
], { error: 'must be a number of days' })
    .pipe(zod__WEBPACK_IMPORTED_MODULE_0__/* .number */ .aig().min(0).max(36_500));
const flag = zod__WEBPACK_IMPORTED_MODULE_0__/* .union */ .KCZ([zod__WEBPACK_IMPORTED_MODULE_0__/* .boolean */ .zMY(), zod__WEBPACK_IMPORTED_MODULE_0__/* .stringbool */ .uEf()]);
const schema = zod__WEBPACK_IMPORTED_MODULE_0__/* .strictObject */ .rej({
    /** Age in days at which executions go. */
    cleanup_days: days.default(30),
    cleanup_executions: flag.default(true),
    /** Age in days at which finished one-off jobs go, with their executions. Left out: they stay. */
    cleanup_jobs_days: days.optional(),
    release_locks: flag.default(true),
    /** Reports the size and bloat of tables and indexes, and what to do. */
    reindex_advice: flag.default(false),
});
class MaintenanceConfigError extends Error {
    name = 'MaintenanceConfigError';
}
/** @throws MaintenanceConfigError that names every key that is wrong */
function parseMaintenanceConfig(config) {
    const parsed = schema.safeParse(config ?? {});
    if (parsed.success)
        return parsed.data;
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`);
    throw new MaintenanceConfigError(`The config does not fit a maintenance job: ${problems.join('; ')}. Its keys are cleanup_days, cleanup_executions, cleanup_jobs_days, release_locks and reindex_advice.`);
}
/**
 * Prunes history in bounded batches and ends the attempts of dead workers. Never touches running executions. A part
 * that fails fails the job and is named; what was done stays done, and the next attempt goes on from there.
 */
function createMaintenanceHandler(store) {
    return async (context) => {
        let config;
        try {
            config = parseMaintenanceConfig(context.config);
        }
        catch (error) {
            return { outcome: 'discard', reason: error instanceof Error ? error.message : String(error) };
        }
        const done = {};
        let advice = [];
        const part = async (task, work) => {
            done[task] = 0;
            try {
                await work();
            }
            catch (error) {
                throw new Error(`${task} failed after ${done[task]}.`, { cause: error });
            }
        };
        const prune = async (task, limits) => {
            for (let more = true; more;) {
                context.signal.throwIfAborted();
                const batch = await store.prune(limits);
                done[task] = (done[task] ?? 0) + batch.executions + batch.jobs;
                more = batch.more;
                context.progress({ done: done[task] ?? 0, note: task });
            }
        };
        if (config.release_locks) {
            await part('released_locks', async () => {
                done.released_locks = await store.releaseExpiredLocks();
            });
        }
        if (config.cleanup_executions) {
            await part('deleted_executions', () => prune('deleted_executions', { executions: config.cleanup_days }));
        }
        const jobsDays = config.cleanup_jobs_days;
        if (jobsDays !== undefined)
            await part('deleted_jobs', () => prune('deleted_jobs', { jobs: jobsDays }));
        if (config.reindex_advice) {
            await part('relations_measured', async () => {
                advice = [...(await store.bloat()).relations];
                done.relations_measured = advice.length;
            });
        }
        for (const [task, count] of Object.entries(done))
            context.log.line(`${task}: ${count}`);
        for (const { name, bytes, advice: statement } of advice) {
            if (statement !== null)
                context.log.line(`${name} has ${Math.round(bytes / 1048576)} MiB: ${statement}`);
        }
        const result = config.reindex_advice
            ? { ...done, reindex_advice: advice.map((one) => ({ ...one })) }
            : done;
        return { outcome: 'success', result };
    };
}


/***/ })

};
