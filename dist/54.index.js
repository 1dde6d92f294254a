export const id = 54;
export const ids = [54];
export const modules = {

/***/ 861:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   i: () => (/* binding */ applyRows),
/* harmony export */   s: () => (/* binding */ applyVerdict)
/* harmony export */ });
/* harmony import */ var _text_format_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(4185);

const VERBS = {
    create: ['created', 'to create'],
    update: ['updated', 'to update'],
    enable: ['enabled', 'to enable'],
    disable: ['disabled', 'to disable'],
    gone: ['gone from the file and left alone (prune disables them)', 'gone from the file'],
    unchanged: ['unchanged', 'unchanged'],
};
/** `Applied: 2 created, 1 updated, 5 unchanged.` */
function applyVerdict({ reply }) {
    const counts = Object.keys(VERBS).flatMap((action) => {
        const count = reply.jobs.filter((job) => job.action === action).length;
        return count === 0 ? [] : [`${count} ${VERBS[action][reply.dry_run ? 1 : 0]}`];
    });
    const what = counts.length === 0 ? 'the file has no jobs' : counts.join(', ');
    return reply.dry_run ? `Plan, nothing was changed: ${what}.` : `Applied: ${what}.`;
}
function applyRows({ reply }, now) {
    return reply.jobs.map((job) => ({
        key: job.key,
        action: job.action,
        queue: job.queue,
        runs: job.status === 'waiting' ? (0,_text_format_js__WEBPACK_IMPORTED_MODULE_0__/* .moment */ .n$)(job.run_at, now) : job.status,
        changes: Object.entries(job.changes).map(([column, [before, after]]) => `${column}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`),
    }));
}


/***/ }),

/***/ 5054:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  errorPage: () => (/* binding */ errorPage),
  page: () => (/* binding */ page)
});

// EXTERNAL MODULE: ./lib/src/commands/apply-words.js
var apply_words = __webpack_require__(861);
// EXTERNAL MODULE: ./lib/src/text/format.js
var format = __webpack_require__(4185);
// EXTERNAL MODULE: ./lib/src/github/job-summary/escape.js
var job_summary_escape = __webpack_require__(1778);
// EXTERNAL MODULE: ./lib/src/github/job-summary/fit.js
var fit = __webpack_require__(8710);
// EXTERNAL MODULE: ./lib/src/schedule/coming.js
var schedule_coming = __webpack_require__(4299);
// EXTERNAL MODULE: ./lib/src/schedule/in-words.js
var in_words = __webpack_require__(2603);
;// CONCATENATED MODULE: ./lib/src/github/job-summary/job-rows.js




/**
 * Jobs as a table, in three columns: a phone shows them whole.
 * @param coming with the occurrences of schedules after the next one
 */
function jobRows(jobs, now, coming = false) {
    return {
        head: ['Job', 'Status', 'Runs'],
        rows: jobs.map((job) => [
            `${(0,job_summary_escape/* words */.aL)(job.name, 80)}${(0,job_summary_escape/* small */.EX)(`${(0,job_summary_escape/* words */.aL)(job.job_type)} · queue ${(0,job_summary_escape/* words */.aL)(job.queue, 80)}<br><code>${(0,job_summary_escape/* words */.aL)(job.job_id)}</code>`)}`,
            `${statusOf(job)}${(0,job_summary_escape/* small */.EX)(retries(job))}`,
            `${when(job, now)}${schedule(job)}${coming ? (0,job_summary_escape/* small */.EX)((0,job_summary_escape/* words */.aL)((0,schedule_coming/* thenWords */.T6)(job, now))) : ''}`,
        ]),
    };
}
const retries = ({ current_retries: spent, max_retries: most, error_message: error }) => [spent > 0 ? `${spent} of ${most} retries spent` : '', (0,job_summary_escape/* words */.aL)(error ?? '', 120)]
    .filter((part) => part !== '')
    .join('<br>');
/** A job's status with what the bare word does not say. Safe text. */
function statusOf(job) {
    if (job.blocked)
        return 'waiting for its key';
    if (job.status === 'locked' && job.disable_requested_at)
        return 'locked, then disabled';
    if (job.lock_expired)
        return 'locked, expired';
    if (job.status === 'locked' && job.cancel_requested_at)
        return 'being cancelled';
    return job.status;
}
const schedule = (job) => job.schedule === null ? '' : (0,job_summary_escape/* small */.EX)((0,job_summary_escape/* words */.aL)((0,in_words/* scheduleInWords */.q)(job.schedule, job.timezone), 110));
function when(job, now) {
    if (job.status === 'waiting')
        return (0,format/* moment */.n$)(job.run_at, now);
    if (job.status === 'locked')
        return `started ${(0,format/* moment */.n$)(job.locked_at, now)}`;
    return (0,format/* moment */.n$)(job.finished_at ?? job.last_execution, now);
}

// EXTERNAL MODULE: ./lib/src/github/job-summary/warnings.js
var job_summary_warnings = __webpack_require__(160);
;// CONCATENATED MODULE: ./lib/src/github/job-summary/plan-page.js



/** The page of a plan: what is due, and how many workers that is worth. */
function planPage(backlog, workers, warnings) {
    return [
        `### ${workers === 0 ? 'Nothing is due' : `${(0,format/* plural */.LS)(workers, 'worker')} to start`}`,
        ...(0,job_summary_warnings/* warningLines */._)(warnings),
        {
            head: ['Queue', 'Due', 'Side by side'],
            rows: backlog.queues.map(({ queue, due, side_by_side: n }) => [(0,job_summary_escape/* words */.aL)(queue), String(due), String(n)]),
        },
    ];
}

// EXTERNAL MODULE: ./lib/src/github/job-summary/run-page.js + 3 modules
var run_page = __webpack_require__(6002);
;// CONCATENATED MODULE: ./lib/src/github/job-summary/show-page.js





const OUTPUTS = 3;
/** The page of one job: what it is, how it is doing, and its executions, newest first. */
function showPage({ job, executions }, now) {
    if (!job)
        return ['### There is no such job'];
    return [
        `### ${(0,job_summary_escape/* words */.aL)(job.name)}: ${statusOf(job)}`,
        (0,job_summary_escape/* words */.aL)(job.description, 1000),
        facts(job, now),
        jobRows([job], now),
        job.error_message ? `The last error:\n\n${(0,job_summary_escape/* block */.om)(job.error_message)}` : '',
        executions.length === 0 ? 'It has not run yet.' : '#### Executions, newest first',
        executions.length === 0
            ? ''
            : {
                head: ['Status', 'Result or error', 'Took'],
                rows: executions.map((execution) => executionCells(execution, now)),
            },
        (0,job_summary_escape/* details */.zH)('Config', (0,job_summary_escape/* block */.om)(JSON.stringify(job.config, null, 2), 16_000)),
        ...executions
            .filter((execution) => execution.output)
            .slice(0, OUTPUTS)
            .map((execution) => (0,job_summary_escape/* details */.zH)(outputTitle(execution, now), (0,job_summary_escape/* block */.om)(execution.output ?? '', 20_000))),
    ];
}
function facts(job, now) {
    const parts = [
        job.schedule
            ? `Schedule <code>${(0,job_summary_escape/* words */.aL)(job.schedule)}</code>: ${(0,job_summary_escape/* words */.aL)((0,in_words/* scheduleInWords */.q)(job.schedule, job.timezone))}. Missed occurrences: ${(0,job_summary_escape/* words */.aL)((0,schedule_coming/* missedWords */.Ry)(job))}.`
            : '',
        upcoming(job, now),
        job.source ? `From <code>${(0,job_summary_escape/* words */.aL)(job.source)}</code>.` : '',
        job.unique_key ? `Unique key <code>${(0,job_summary_escape/* words */.aL)(job.unique_key)}</code>.` : '',
        job.concurrency_key ? `Concurrency key <code>${(0,job_summary_escape/* words */.aL)(job.concurrency_key)}</code>.` : '',
        job.timeout_seconds === null ? '' : `Each attempt may take ${(0,format/* duration */.p0)(job.timeout_seconds)}.`,
        job.locked_by ? `Held by <code>${(0,job_summary_escape/* words */.aL)(job.locked_by)}</code>.` : '',
        job.lock_expires_at ? `The lock ends ${(0,format/* moment */.n$)(job.lock_expires_at, now)} unless it is renewed.` : '',
        `Created ${(0,format/* moment */.n$)(job.created_at, now)}.`,
    ];
    return parts.filter((part) => part !== '').join(' ');
}
function upcoming(job, now) {
    const next = (0,schedule_coming/* comingOccurrences */.ew)(job, now);
    return next.length === 0 ? '' : `Next: ${next.map((at) => (0,format/* moment */.n$)(at, now)).join(', ')}.`;
}
function executionCells(execution, now) {
    const { status, failure_kind: kind, attempt, started_at, duration_seconds: seconds, run_url: run, } = execution;
    const started = `attempt ${attempt}, ${(0,format/* moment */.n$)(started_at, now)}${(0,schedule_coming/* lateWords */.sq)(execution)}`;
    return [
        `${kind ? `failed: ${(0,job_summary_escape/* words */.aL)(kind)}` : status}${(0,job_summary_escape/* small */.EX)(started)}${run ? `<br><sub>${(0,job_summary_escape/* link */.nf)('run', run)}</sub>` : ''}`,
        `${(0,job_summary_escape/* words */.aL)(execution.error_message ?? (execution.result === null ? '' : JSON.stringify(execution.result)), 200)}${(0,job_summary_escape/* small */.EX)((0,job_summary_escape/* words */.aL)((0,format/* progressInWords */.EY)(execution.progress), 120))}`,
        seconds === null ? '' : (0,format/* duration */.p0)(seconds).replaceAll(' ', '&nbsp;'),
    ];
}
function outputTitle(execution, now) {
    return `Output of attempt ${execution.attempt}, started ${(0,format/* moment */.n$)(execution.started_at, now)}`;
}

;// CONCATENATED MODULE: ./lib/src/github/job-summary/stats-page.js


/** The page of the whole queue, or of the one that was asked for. */
function statsPage(stats) {
    return [
        `### ${(0,format/* plural */.LS)(stats.total, 'job')}: ${stats.due} due now`,
        {
            head: ['Queue', 'Due now', 'Jobs'],
            rows: stats.queues.map((queue) => [
                (0,job_summary_escape/* words */.aL)(queue.queue),
                `${queue.due}${queue.oldest_due_seconds === null ? '' : (0,job_summary_escape/* small */.EX)(`the oldest for ${(0,format/* duration */.p0)(queue.oldest_due_seconds)}`)}`,
                ['waiting', 'locked', 'success', 'failed', 'disabled']
                    .flatMap((status) => (queue[status] > 0 ? [`${queue[status]} ${status}`] : []))
                    .join(', '),
            ]),
        },
        `${stats.scheduled} waiting for their time, ${stats.blocked} waiting for their key.`,
        recent(stats.executions_24h),
        stats.expired_locks > 0
            ? `**${(0,format/* plural */.LS)(stats.expired_locks, 'lock')} expired**: the next run ends them.`
            : '',
        stats.workers.last_seen_at === null
            ? ''
            : `The last worker was seen ${(0,format/* moment */.n$)(stats.workers.last_seen_at, new Date(stats.now))}.`,
        ...wake(stats),
    ];
}
/** What the database did to start workflows. Safe text. */
function wake({ wake, now }) {
    if (wake === null)
        return [];
    const last = wake.calls[0];
    return [
        `Wake on work: ${(0,format/* plural */.LS)(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed${last ? `; the last ${(0,format/* moment */.n$)(last.asked_at, new Date(now))}` : ''}.`,
        ...wake.watched
            .filter(({ errors, last_error: error }) => errors > 0 && error !== null)
            .map(({ queue, repository, errors, last_error: error }) => `**${(0,job_summary_escape/* words */.aL)(repository)} (queue ${(0,job_summary_escape/* words */.aL)(queue)}) was not woken**, ${(0,format/* plural */.LS)(errors, 'error')} in a row: ${(0,job_summary_escape/* words */.aL)(error ?? '', 500)}`),
    ];
}
function recent(executions) {
    const kinds = Object.entries(executions.failure_kinds).map(([kind, count]) => `${(0,job_summary_escape/* words */.aL)(kind)} ${count}`);
    const failed = `${executions.failed} failed${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}`;
    const took = executions.average_seconds === null
        ? ''
        : `; ${(0,format/* duration */.p0)(executions.average_seconds)} on average, 95 % within ${(0,format/* duration */.p0)(executions.p95_seconds ?? 0)}`;
    return `Last 24 hours: ${executions.success} executions succeeded, ${failed}, ${executions.running} running${took}.`;
}

;// CONCATENATED MODULE: ./lib/src/github/job-summary/page.js









/**
 * The page that a person reads on the run's summary.
 * @param answer with its secrets hidden already: once escaped and cut, they would not be found
 * @param now for "in 4 min"
 */
function page(answer, now) {
    return (0,fit/* fitPage */.n)(sections(answer, now));
}
/** The page of a call that failed. @param message with its secrets hidden already */
const errorPage = (message) => `### cloud-jobs could not do this\n\n${(0,job_summary_escape/* block */.om)(message)}\n`;
function sections(answer, now) {
    switch (answer.command) {
        case 'run':
            return (0,run_page/* runPage */.f)(answer.report, now, answer.warnings);
        case 'plan':
            return planPage(answer.reply, answer.workers, answer.warnings);
        case 'dry-run':
            return [
                `### Dry run: ${(0,format/* plural */.LS)(answer.peek.due, 'job')} due`,
                answer.peek.due > answer.peek.jobs.length
                    ? `Nothing was claimed. A run would begin with these ${answer.peek.jobs.length}:`
                    : 'Nothing was claimed. A run would take them in this order:',
                jobRows(answer.peek.jobs, now),
            ];
        case 'create':
            return [
                `### ${answer.created ? 'Created' : 'Already there'}: ${(0,job_summary_escape/* words */.aL)(answer.name)}`,
                `Job <code>${(0,job_summary_escape/* words */.aL)(answer.jobId)}</code>.${answer.created ? '' : ' An unfinished job has the same unique key, so nothing was added.'}`,
            ];
        case 'apply':
            return [
                `### ${(0,job_summary_escape/* words */.aL)((0,apply_words/* applyVerdict */.s)(answer), 200)}`,
                `From <code>${(0,job_summary_escape/* words */.aL)(answer.source)}</code>.`,
                {
                    head: ['Key', 'What was done', 'Runs'],
                    rows: (0,apply_words/* applyRows */.i)(answer, now).map((row) => [
                        `${(0,job_summary_escape/* words */.aL)(row.key, 80)}${(0,job_summary_escape/* small */.EX)(`queue ${(0,job_summary_escape/* words */.aL)(row.queue)}`)}`,
                        `${row.action}${(0,job_summary_escape/* small */.EX)((0,job_summary_escape/* words */.aL)(row.changes.join('; '), 400))}`,
                        row.runs,
                    ]),
                },
            ];
        case 'list': {
            const { jobs, next } = answer.reply;
            return [
                `### ${(0,format/* plural */.LS)(jobs.length, 'job')}${next ? ', and more' : ''}`,
                jobs.length > 0 ? jobRows(jobs, now, true) : 'No job fits.',
                next ? 'Only the newest are shown: raise <code>limit</code>, or narrow the list.' : '',
            ];
        }
        case 'show':
            return showPage(answer.reply, now);
        case 'stats':
            return statsPage(answer.reply);
        case 'verb':
            return [
                `### ${answer.verb}: ${answer.reply.applied ? 'done' : 'not done'}`,
                `Job <code>${(0,job_summary_escape/* words */.aL)(answer.reply.job_id)}</code> is ${(0,job_summary_escape/* words */.aL)(answer.reply.status ?? 'not there')}.${answer.reply.reason ? ` ${(0,job_summary_escape/* words */.aL)(answer.reply.reason, 400)}` : ''}`,
            ];
        case 'doctor':
            return [`### ${verdict(answer.checks)}`, checkRows(answer.checks)];
    }
}
function verdict(checks) {
    if (checks.some((check) => check.state === 'bad'))
        return 'Something needs attention';
    return checks.some((check) => check.state === 'warning') ? 'It works, with a warning' : 'All is well';
}
function checkRows(checks) {
    return {
        head: ['Check', 'What was found, and what to do'],
        rows: checks.map((check) => [
            `${{ good: '✅', warning: '⚠️', bad: '❌' }[check.state]}&nbsp;${(0,job_summary_escape/* words */.aL)(check.name)}`,
            `${(0,job_summary_escape/* words */.aL)(check.found, 600)}${check.advice === '' ? '' : `<br>→ ${(0,job_summary_escape/* words */.aL)(check.advice, 600)}`}`,
        ]),
    };
}


/***/ }),

/***/ 4299:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   Ry: () => (/* binding */ missedWords),
/* harmony export */   T6: () => (/* binding */ thenWords),
/* harmony export */   ew: () => (/* binding */ comingOccurrences),
/* harmony export */   sq: () => (/* binding */ lateWords)
/* harmony export */ });
/* harmony import */ var _text_format_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(4185);
/* harmony import */ var _next_occurrence_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(6073);


/** The next three times (ISO 8601) that a recurring job is due; none for other jobs and disabled ones. */
function comingOccurrences(job, now) {
    if (job.schedule === null || job.status === 'disabled')
        return [];
    const waiting = job.status === 'waiting' && Date.parse(job.run_at) > now.getTime() ? [job.run_at] : [];
    const after = waiting[0] === undefined ? now : new Date(waiting[0]);
    try {
        const later = (0,_next_occurrence_js__WEBPACK_IMPORTED_MODULE_0__.nextOccurrences)(job.schedule, job.timezone ?? 'UTC', after, 3 - waiting.length);
        return [...waiting, ...later.map((at) => at.toISOString())];
    }
    catch {
        // Written by plain SQL and readable by the database alone: its own next occurrence is all there is to tell.
        return waiting;
    }
}
/** Those of them that come after the time a list of jobs shows anyway, in words; empty for jobs that do not recur. */
function thenWords(job, now) {
    const later = comingOccurrences(job, now).filter((at) => job.status !== 'waiting' || at !== job.run_at);
    return later.length === 0 ? '' : `then ${later.map((at) => (0,_text_format_js__WEBPACK_IMPORTED_MODULE_1__/* .stamp */ .iE)(at, now)).join(', ')} UTC`;
}
/** How late an execution started after the occurrence that it stands for: `, 2 h late`. Empty where that is no news. */
function lateWords({ scheduled_for, started_at, attempt, failure_kind }) {
    if (!scheduled_for || !started_at || attempt > 1 || failure_kind === 'skipped')
        return '';
    const seconds = (Date.parse(started_at) - Date.parse(scheduled_for)) / 1000;
    return seconds >= 60 ? `, ${(0,_text_format_js__WEBPACK_IMPORTED_MODULE_1__/* .duration */ .p0)(seconds)} late` : '';
}
/** What becomes of missed occurrences, in words. */
function missedWords(job) {
    switch (job.missed) {
        case 'once':
            return 'run once';
        case 'skip':
            return `skipped when more than ${Math.round(job.missed_grace_seconds / 60)} min late`;
        case 'all':
            return 'each runs';
    }
}


/***/ }),

/***/ 2603:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   q: () => (/* binding */ scheduleInWords)
/* harmony export */ });
/* harmony import */ var cronstrue__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(2507);

/**
 * A schedule as people say it: `At 03:30, Monday through Friday (Europe/Berlin)`.
 * Of nicknames, cronstrue knows those in small letters alone.
 * @returns the expression itself where it cannot be put into words
 */
function scheduleInWords(schedule, timezone) {
    const zone = timezone ?? 'UTC';
    try {
        return `${cronstrue__WEBPACK_IMPORTED_MODULE_0__.toString(schedule.toLowerCase(), { use24HourTimeFormat: true })} (${zone})`;
    }
    catch {
        // cronstrue throws texts. A schedule that the database holds is valid, so this is for expressions it cannot say.
        return `${schedule} (${zone})`;
    }
}


/***/ })

};
