export const id = 529;
export const ids = [529];
export const modules = {

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
