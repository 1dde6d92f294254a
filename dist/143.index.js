export const id = 143;
export const ids = [143];
export const modules = {

/***/ 8143:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  doctor: () => (/* binding */ doctor)
});

// EXTERNAL MODULE: ./lib/src/text/describe-error.js
var describe_error = __webpack_require__(6912);
// EXTERNAL MODULE: ./lib/src/text/format.js
var format = __webpack_require__(4185);
// EXTERNAL MODULE: ./lib/src/commands/liveness.js
var liveness = __webpack_require__(8192);
// EXTERNAL MODULE: ./lib/src/commands/tick-gaps.js
var tick_gaps = __webpack_require__(3568);
;// CONCATENATED MODULE: ./lib/src/commands/doctor-liveness.js




const good = (name, found) => ({ name, state: 'good', found, advice: '' });
const warning = (name, found, advice) => ({
    name,
    state: 'warning',
    found,
    advice,
});
/** pg_cron comes once a minute; it may be late, but not this late. */
const CRON_SILENCE_SECONDS = 600;
/** Once may be an accident. */
const IN_VAIN = 2;
/** Whether workers come, and as often as their schedules ask. */
async function workerChecks(facts, silenceSeconds) {
    const checks = [];
    const { last_seen_at: seen, schedules } = facts.workers;
    const advice = 'See the Actions page of the repository: whether its workflow is enabled, on the default branch, and what its last runs say.';
    const silent = seen === null ? null : (Date.parse(facts.now) - Date.parse(seen)) / 1000;
    if (silent === null && (facts.oldest_due_seconds ?? 0) > silenceSeconds) {
        const late = (0,format/* duration */.p0)(facts.oldest_due_seconds ?? 0);
        checks.push(warning('Workers', `No worker has ever been seen, and a job has been due for ${late}.`, advice));
    }
    else if (silent !== null && silent > silenceSeconds) {
        checks.push(warning('Workers', `No worker has been seen for ${(0,format/* duration */.p0)(silent)}.`, advice));
    }
    else {
        checks.push(good('Workers', silent === null ? 'None has come yet.' : `The last was seen ${(0,format/* duration */.p0)(Math.max(0, silent))} ago.`));
    }
    for (const { repository, schedule, ticks } of schedules) {
        const gaps = await (0,tick_gaps/* gapsOf */.d)(schedule, ticks);
        if (gaps === null)
            continue;
        const words = `${repository ? `${repository}: ` : ''}${(0,liveness/* gapWords */.IT)(schedule, gaps)}`;
        checks.push(gaps.late ? warning('Ticks', words, liveness/* LATE_ADVICE */.CD) : good('Ticks', words));
    }
    return checks;
}
/** What sql/optional/wake.sql did; nothing where it is not installed. */
function wakeChecks(wake, now) {
    if (wake === null)
        return [];
    const name = 'Wake on work';
    const checks = [];
    const silent = wake.last_tick_at === null ? null : (now.getTime() - Date.parse(wake.last_tick_at)) / 1000;
    if (silent === null || silent > CRON_SILENCE_SECONDS) {
        checks.push(warning(name, silent === null ? 'pg_cron has not come yet.' : `pg_cron has not come for ${(0,format/* duration */.p0)(silent)}.`, 'Run sql/optional/wake.sql again, and see what it says: select * from cron.job_run_details order by runid desc limit 5; if it has stopped, restart the database (Project Settings > General).'));
    }
    if (wake.watched.length === 0) {
        checks.push(warning(name, 'It is installed and watches no queue.', "select cloud_jobs_wake.watch('default', 'OWNER/REPOSITORY');"));
    }
    for (const { queue, repository, errors, in_vain: inVain, last_error: error, next_call_at: next, } of wake.watched) {
        const again = `Asked again ${(0,format/* moment */.n$)(next, now) || 'when a job is due'}.`;
        if (errors > 0) {
            checks.push(warning(name, `${repository} (queue ${queue}): ${error ?? 'a call failed'}`, `${(0,format/* plural */.LS)(errors, 'error')} in a row. ${again}`));
        }
        else if (inVain >= IN_VAIN) {
            checks.push(warning(name, `${repository} (queue ${queue}) was asked ${inVain + 1} times, and no worker took a job.`, `Its workflow needs \`on: repository_dispatch: types: [cloud-jobs]\` on the default branch, and must take this queue and its job types. ${again}`));
        }
    }
    if (checks.length > 0)
        return checks;
    return [
        good(name, `${(0,format/* plural */.LS)(wake.watched.length, 'queue')} watched; ${(0,format/* plural */.LS)(wake.calls_24h, 'call')} in 24 hours, ${wake.errors_24h} failed.`),
    ];
}
/** Whether GitHub runs the schedules of the repository, and goes on to. */
async function gitHubChecks(github, now) {
    const checks = [];
    try {
        const near = (0,liveness/* switchOff */.SP)(await github.about(), now);
        checks.push(near
            ? warning('60 days', near, liveness/* SWITCH_OFF_ADVICE */.AV)
            : good('60 days', `${github.repository} is in no danger of having its schedules switched off.`));
    }
    catch (error) {
        checks.push(warning('60 days', `Not known: ${(0,describe_error/* describeError */.U)(error)}`, 'Give doctor a token that can read the repository.'));
    }
    try {
        const off = (await github.workflows()).filter(({ state }) => state !== 'active' && state !== 'deleted');
        checks.push(off.length === 0
            ? good('Workflows', 'All are enabled.')
            : warning('Workflows', `Switched off: ${off
                .map(({ path, state }) => `${path} (${state === 'disabled_inactivity' ? 'after 60 days without activity' : state})`)
                .slice(0, 8)
                .join(', ')}.`, 'Enable it on the Actions page, or with gh workflow enable.'));
    }
    catch (error) {
        checks.push(warning('Workflows', `Not known: ${(0,describe_error/* describeError */.U)(error)}`, 'Give doctor a token with `actions: read`.'));
    }
    return checks;
}

;// CONCATENATED MODULE: ./lib/src/commands/doctor.js


/** A worker's own clock is used for nothing but messages; still, a clock this wrong breaks TLS and log times. */
const CLOCK_SECONDS = 60;
/**
 * Looks at all that has to be right. Never throws: what cannot be looked at is a finding.
 * @param silenceSeconds longer without a worker is worth a warning
 * @param github null: GitHub is not asked
 */
async function doctor(queue, now, silenceSeconds, github) {
    const checks = [];
    const add = (name, state, found, advice = '') => {
        checks.push({ name, state, found, advice });
    };
    let facts;
    try {
        const { schema } = await queue.checkSchema();
        add('URL and key', 'good', 'The project answers and accepts the key.');
        add('Schema', 'good', `Version ${schema}, which this release can use.`);
        facts = await queue.doctor();
    }
    catch (error) {
        add('Connection', 'bad', (0,describe_error/* describeError */.U)(error), 'Mend this first; the other checks need it.');
        return checks;
    }
    const list = (names) => names.slice(0, 8).join('; ') + (names.length > 8 ? `; and ${names.length - 8} more` : '');
    if (facts.role === 'service_role')
        add('Role of the key', 'good', 'service_role.');
    else
        add('Role of the key', 'warning', `The key has the role ${facts.role}.`, 'The commands need the secret (service_role) key.');
    if (facts.missing_grants.length === 0)
        add('Grants', 'good', 'The key may do all that is needed.');
    else
        add('Grants', 'bad', `Missing: ${list(facts.missing_grants)}.`, 'Run sql/install.sql again: it sets the grants.');
    const open = [...facts.open_functions, ...facts.policies.map((policy) => `policy ${policy}`)];
    if (open.length > 0 || facts.without_row_security.length > 0) {
        add('Strangers', 'bad', `Open to the public key: ${list([...open, ...facts.without_row_security.map((name) => `${name} without row level security`)])}.`, 'Whoever can write a job decides what runs beside your secrets. Run sql/install.sql again: it closes this.');
    }
    else if (facts.open_tables.length > 0) {
        add('Strangers', 'warning', `Held back by row level security alone: ${list(facts.open_tables)}.`, 'Run sql/install.sql again: it takes these grants back.');
    }
    else {
        add('Strangers', 'good', 'anon and authenticated can read and call nothing.');
    }
    const skew = Math.abs(now().getTime() - Date.parse(facts.now)) / 1000;
    if (skew < CLOCK_SECONDS)
        add('Clock', 'good', `This machine and the database agree within ${Math.ceil(skew)} s.`);
    else
        add('Clock', 'warning', `This machine is ${Math.round(skew)} s off the database.`, 'Jobs go by the clock of the database, so nothing breaks; set the clock of this machine.');
    add('Database', 'good', `Postgres ${facts.server_version}, statement timeout ${facts.statement_timeout}.`);
    checks.push(...(await workerChecks(facts, silenceSeconds)), ...wakeChecks(facts.wake, new Date(facts.now)), ...(github ? await gitHubChecks(github, now()) : []));
    return checks;
}


/***/ })

};
