export const id = 168;
export const ids = [168];
export const modules = {

/***/ 8168:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  createPaperFetchHandler: () => (/* binding */ createPaperFetchHandler)
});

// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/config.js
var paper_fetch_config = __webpack_require__(7042);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/deps.js
var paper_fetch_deps = __webpack_require__(4346);
;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/gate.js
/**
 * A gate that lets one request through at a time and starts the next at least `pauseMs` milliseconds after the last
 * one ended. It holds for one process; other workers are kept out by the queue's concurrency key, which a job that
 * rests before it ends keeps for the pause. A caller that aborts leaves the line at once.
 */
function createGate(pauseMs, deps) {
    let lastEnd = null;
    let tail = Promise.resolve();
    const pause = async (signal) => {
        const wait = lastEnd === null ? 0 : pauseMs - (deps.monotonic() - lastEnd);
        if (wait > 0)
            await deps.sleep(wait, signal);
    };
    return {
        pass(signal, request) {
            const turn = tail.then(async () => {
                signal.throwIfAborted();
                await pause(signal);
                try {
                    return await request();
                }
                finally {
                    lastEnd = deps.monotonic();
                }
            });
            tail = turn.catch(() => undefined);
            return untilAborted(turn, signal);
        },
        rest: (signal) => pause(signal).catch((error) => {
            if (!signal.aborted)
                throw error;
        }),
    };
}
function untilAborted(promise, signal) {
    return new Promise((resolve, reject) => {
        const abort = () => reject(signal.reason);
        if (signal.aborted)
            abort();
        signal.addEventListener('abort', abort, { once: true });
        promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    });
}

// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/http.js
var http = __webpack_require__(4048);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/window.js
var paper_fetch_window = __webpack_require__(8816);
;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/outcome.js


/** A throttle of arXiv outlives any run (it was seen to last for hours), so the job comes back much later. */
const SNOOZE_SECONDS = 3 * 3600;
/** After a source was not available for all tries of this run. */
const UNAVAILABLE_RETRY_SECONDS = 1800;
/** After a source refused this machine: asking soon is taken for an attack. */
const BLOCKED_RETRY_SECONDS = 86_400;
const MAX_SNOOZE_SECONDS = 86_400;
const NEWEST_LIMIT = 10;
/**
 * How the job ends: success when at least one source came to its end (the others are in `errors`); else snoozed if one
 * throttles, failed if one may work later, discarded if all refuse the request itself.
 */
function buildOutcome(run) {
    const failures = run.sources.map((report) => report.error).filter((error) => error !== null);
    const result = buildResult(run);
    if (failures.length < run.sources.length)
        return { outcome: 'success', result };
    const message = failures.map((error) => error.message).join('; ');
    const throttled = failures.filter((error) => error.kind === 'throttled');
    if (throttled.length > 0) {
        const seconds = snoozeSeconds(throttled, run.random);
        return { outcome: 'snooze', seconds, reason: `${message}${keptText(run)}`, details: result };
    }
    if (failures.every((error) => error.kind === 'rejected')) {
        return { outcome: 'discard', reason: `${message}${keptText(run)}`, details: result };
    }
    const isBlocked = failures.every((error) => error.kind !== 'unavailable');
    const asked = Math.max(0, ...failures.map((error) => error.retryAfterSeconds ?? 0));
    return {
        outcome: 'failure',
        kind: 'error',
        message: `${message}${keptText(run)}`,
        details: result,
        retryInSeconds: isBlocked
            ? BLOCKED_RETRY_SECONDS
            : Math.min(Math.max(UNAVAILABLE_RETRY_SECONDS, asked), MAX_SNOOZE_SECONDS),
    };
}
function buildResult(run) {
    const note = buildNote(run);
    const sum = (pick) => run.sources.reduce((total, report) => total + pick(report), 0);
    return {
        new_papers: sum((report) => report.inserted),
        updated_papers: sum((report) => report.updated),
        unchanged_papers: sum((report) => report.unchanged),
        total_papers: run.totalPapers,
        search_queries: run.sources.map((report) => report.query),
        errors: run.sources.flatMap((report) => [...report.warnings, ...(report.error === null ? [] : [report.error.message])].map((text) => `${report.source}: ${text}`)),
        per_source: Object.fromEntries(run.sources.map((report) => [report.source, sourceResult(report)])),
        duration_seconds: Math.round(run.durationSeconds * 1000) / 1000,
        newest: newestPapers(run.sources),
        ...(note === null ? {} : { note }),
    };
}
function sourceResult(report) {
    return {
        status: report.error === null ? 'ok' : report.error.kind,
        found: report.found,
        new: report.inserted,
        updated: report.updated,
        unchanged: report.unchanged,
        skipped: report.skipped,
        pages: report.pages,
        total_results: report.totalResults,
        capped: report.capped,
    };
}
function newestPapers(sources) {
    return sources
        .flatMap((report) => report.newPapers)
        .sort((left, right) => Date.parse(right.published) - Date.parse(left.published))
        .slice(0, NEWEST_LIMIT)
        .map((paper) => ({ title: paper.title, url: paper.url, published: paper.published }));
}
/** Says why there is nothing new, and what `max_papers` left behind. Null when there is nothing to explain. */
function buildNote(run) {
    const parts = [];
    const found = run.sources.reduce((total, report) => total + report.found, 0);
    const added = run.sources.reduce((total, report) => total + report.inserted, 0);
    const skipped = run.sources.reduce((total, report) => total + report.skipped, 0);
    const span = `${(0,paper_fetch_window/* isoDay */.kh)(run.window.from)} to ${(0,paper_fetch_window/* isoDay */.kh)(run.window.to)}`;
    if (found === 0)
        parts.push(`no paper matched in ${span}`);
    else if (added === 0)
        parts.push(`all ${found} papers found in ${span} were known already`);
    if (added === 0 && skipped > 0) {
        parts.push(`${skipped} were left out because their primary category is another (include_cross_lists is false)`);
    }
    const gap = added === 0 && run.sources.some((report) => report.source === 'arxiv') ? (0,paper_fetch_window/* announcementGap */.eD)(run.now) : null;
    if (gap !== null)
        parts.push(gap);
    for (const report of run.sources) {
        if (report.capped) {
            parts.push(`${(0,http/* sourceLabel */.en)(report.source)} has ${report.totalResults} matches and max_papers took the newest ${report.found}`);
        }
    }
    return parts.length === 0 ? null : parts.join('; ');
}
function snoozeSeconds(throttled, random) {
    const asked = Math.max(0, ...throttled.map((error) => error.retryAfterSeconds ?? 0));
    // Spread, so that jobs which were throttled together do not come back together.
    const spread = SNOOZE_SECONDS * (0.85 + 0.3 * random);
    return Math.round(Math.min(Math.max(spread, asked), MAX_SNOOZE_SECONDS));
}
function keptText(run) {
    const kept = run.sources.reduce((total, report) => total + report.inserted + report.updated, 0);
    return kept === 0 ? '' : ` (${kept} papers that came before that are stored)`;
}

// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __webpack_require__(7598);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/arxiv.js + 2 modules
var arxiv = __webpack_require__(7074);
// EXTERNAL MODULE: ./node_modules/zod/v4/classic/schemas.js + 7 modules
var schemas = __webpack_require__(749);
// EXTERNAL MODULE: ./node_modules/zod/v4/classic/coerce.js
var coerce = __webpack_require__(9567);
// EXTERNAL MODULE: ./node_modules/zod/v4/core/errors.js
var errors = __webpack_require__(7428);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/identifiers.js
var identifiers = __webpack_require__(490);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/keywords.js
var paper_fetch_keywords = __webpack_require__(4588);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/retry.js
var retry = __webpack_require__(4304);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/source-error.js
var source_error = __webpack_require__(1694);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/text.js
var paper_fetch_text = __webpack_require__(8283);
;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/europepmc.js








const PAGE_SIZE = 100;
const record = schemas/* object */.Ikc({
    id: schemas/* string */.YjP(),
    source: schemas/* string */.YjP(),
    doi: schemas/* string */.YjP().nullish(),
    title: schemas/* string */.YjP().nullish(),
    authorString: schemas/* string */.YjP().nullish(),
    authorList: schemas/* object */.Ikc({
        author: schemas/* array */.YOg(schemas/* object */.Ikc({ fullName: schemas/* string */.YjP().nullish(), collectiveName: schemas/* string */.YjP().nullish() })),
    })
        .nullish(),
    abstractText: schemas/* string */.YjP().nullish(),
    firstPublicationDate: schemas/* string */.YjP().nullish(),
    journalInfo: schemas/* object */.Ikc({ journal: schemas/* object */.Ikc({ title: schemas/* string */.YjP().nullish() }).nullish() }).nullish(),
    fullTextUrlList: schemas/* object */.Ikc({
        fullTextUrl: schemas/* array */.YOg(schemas/* object */.Ikc({ documentStyle: schemas/* string */.YjP().nullish(), url: schemas/* string */.YjP().nullish() })),
    })
        .nullish(),
});
const answerSchema = schemas/* object */.Ikc({
    hitCount: schemas/* number */.aig(),
    nextCursorMark: schemas/* string */.YjP().nullish(),
    resultList: schemas/* object */.Ikc({ result: schemas/* array */.YOg(record) }),
});
/** Errors come with HTTP 200. */
const errorSchema = schemas/* object */.Ikc({ errCode: coerce/* number */.ai(), errMsg: schemas/* string */.YjP().nullish() });
/**
 * Papers of Europe PMC (PubMed, PMC, preprints of the life sciences) whose title or abstract matches the keywords.
 * Source: europepmc.org/RestfulWebService.
 */
function europePmcPages(run) {
    const { keywords } = run.config;
    const search = keywords === null ? '' : (0,paper_fetch_keywords/* renderKeywords */.NW)(keywords, (quoted) => `TITLE_ABS:${quoted}`);
    const query = `${search} AND FIRST_PDATE:[${(0,paper_fetch_window/* isoDay */.kh)(run.window.from)} TO ${(0,paper_fetch_window/* isoDay */.kh)(run.window.to)}]`;
    return { query, pages: readPages(run, query) };
}
async function* readPages(run, query) {
    let cursor = '*';
    let kept = 0;
    let read = 0;
    while (cursor !== null && kept < run.config.maxPapers) {
        const answer = await readPage(run, query, cursor, read);
        const results = answer.resultList.result;
        const readable = results.map(readRecord).filter((paper) => paper !== null);
        const papers = readable.slice(0, run.config.maxPapers - kept);
        const unreadable = results.length - readable.length;
        yield {
            papers,
            skipped: 0,
            total: answer.hitCount,
            warnings: unreadable === 0 ? [] : [`Europe PMC sent ${unreadable} records without title or date`],
        };
        kept += papers.length;
        read += results.length;
        const next = answer.nextCursorMark ?? null;
        // The end is told by a cursor that repeats, or by none.
        cursor = read >= answer.hitCount || next === cursor ? null : next;
    }
}
function readPage(run, query, cursor, read) {
    const url = new URL(run.deps.endpoints.europepmc);
    url.searchParams.set('query', query);
    url.searchParams.set('format', 'json');
    url.searchParams.set('resultType', 'core');
    url.searchParams.set('pageSize', String(PAGE_SIZE));
    url.searchParams.set('cursorMark', cursor);
    url.searchParams.set('sort', 'P_PDATE_D desc');
    const attempt = async () => {
        const response = await (0,http/* get */.Jt)({
            source: 'europepmc',
            url: url.href,
            accept: 'application/json',
            userAgent: run.userAgent,
            signal: run.signal,
        }, run.deps);
        const answer = readAnswer(response);
        if (answer.resultList.result.length === 0 && read < answer.hitCount) {
            throw new source_error/* SourceError */.c('europepmc', 'unavailable', `Europe PMC sent an empty page at ${read} of ${answer.hitCount} papers`);
        }
        return answer;
    };
    return (0,retry/* withRetries */.L)(attempt, run.signal, run.deps, (error, waitMs) => run.log(`${error.message}; asking again in ${Math.round(waitMs / 1000)} s`));
}
function readAnswer(response) {
    const { status, retryAfterSeconds } = response;
    const fail = (kind, text, cause) => new source_error/* SourceError */.c('europepmc', kind, `${text} (HTTP ${status}: ${(0,http/* quoteBody */.jg)(response)})`, {
        retryAfterSeconds,
        cause,
    });
    if (status === 429)
        throw fail('throttled', 'Europe PMC throttles this machine');
    if (status === 403)
        throw fail('blocked', 'Europe PMC refuses this machine');
    if (status >= 500 || status === 408)
        throw fail('unavailable', 'Europe PMC is not available');
    if (status !== 200)
        throw fail('rejected', 'Europe PMC refuses the query');
    let body;
    try {
        body = JSON.parse(response.body);
    }
    catch (cause) {
        throw fail('unavailable', 'Europe PMC sent something that is not JSON', cause);
    }
    const error = errorSchema.safeParse(body);
    if (error.success) {
        const { errCode } = error.data;
        const kind = errCode === 429 ? 'throttled' : errCode >= 500 ? 'unavailable' : 'rejected';
        const reason = (0,paper_fetch_text/* quoteStart */.D3)(error.data.errMsg ?? 'no reason given', 300);
        throw fail(kind, `Europe PMC answered with error ${errCode}: ${reason}`);
    }
    const parsed = answerSchema.safeParse(body);
    if (!parsed.success) {
        throw fail('rejected', `Europe PMC sent another shape than expected: ${(0,paper_fetch_text/* quoteStart */.D3)(errors/* prettifyError */.S1(parsed.error))}`);
    }
    return parsed.data;
}
function readRecord(item) {
    const title = (0,paper_fetch_text/* cleanTextOrNull */.Bq)(withoutMarkup(item.title ?? ''));
    const published = (0,paper_fetch_text/* isoDate */._$)(item.firstPublicationDate);
    if (title === null || published === null)
        return null;
    const named = (item.authorList?.author ?? []).map((author) => author.fullName ?? author.collectiveName ?? '');
    const authors = named.length > 0 ? named : (item.authorString ?? '').replace(/\.$/, '').split(',');
    const pdf = item.fullTextUrlList?.fullTextUrl.find((link) => link.documentStyle === 'pdf');
    return {
        source: 'europepmc',
        sourceId: `${item.source}/${item.id}`,
        arxivId: (0,identifiers/* parseArxivId */.R)(item.doi ?? '')?.id ?? null,
        version: null,
        doi: (0,identifiers/* normaliseDoi */.P)(item.doi),
        title,
        authors: authors.map(paper_fetch_text/* cleanText */.X5).filter((name) => name !== ''),
        abstract: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(withoutMarkup(item.abstractText ?? '')),
        categories: [],
        primaryCategory: null,
        published,
        updated: null,
        url: `https://europepmc.org/article/${encodeURIComponent(item.source)}/${encodeURIComponent(item.id)}`,
        pdfUrl: pdf?.url ?? null,
        comment: null,
        journalRef: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(item.journalInfo?.journal?.title),
    };
}
/** Titles and abstracts carry HTML (`<i>`, `<h4>`) and entities. */
function withoutMarkup(text) {
    return text
        .replace(/<\/?[a-z][^<>]*>/gi, ' ')
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&amp;', '&');
}

;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/openalex.js








/** The most that OpenAlex gives at once. */
const openalex_PAGE_SIZE = 100;
/** Only what is stored: whole works are up to 50 kB each. */
const FIELDS = 'id,doi,title,publication_date,authorships,abstract_inverted_index,primary_location,best_oa_location,locations,primary_topic,topics';
const openalex_location = schemas/* object */.Ikc({
    landing_page_url: schemas/* string */.YjP().nullish(),
    pdf_url: schemas/* string */.YjP().nullish(),
    source: schemas/* object */.Ikc({ display_name: schemas/* string */.YjP().nullish() }).nullish(),
});
const topic = schemas/* object */.Ikc({ display_name: schemas/* string */.YjP().nullish() });
const work = schemas/* object */.Ikc({
    id: schemas/* string */.YjP(),
    doi: schemas/* string */.YjP().nullish(),
    title: schemas/* string */.YjP().nullish(),
    publication_date: schemas/* string */.YjP().nullish(),
    authorships: schemas/* array */.YOg(schemas/* object */.Ikc({ author: schemas/* object */.Ikc({ display_name: schemas/* string */.YjP().nullish() }) })).nullish(),
    abstract_inverted_index: schemas/* record */.g1P(schemas/* string */.YjP(), schemas/* array */.YOg(schemas/* number */.aig())).nullish(),
    primary_location: openalex_location.nullish(),
    best_oa_location: openalex_location.nullish(),
    locations: schemas/* array */.YOg(openalex_location).nullish(),
    primary_topic: topic.nullish(),
    topics: schemas/* array */.YOg(topic).nullish(),
});
const openalex_answerSchema = schemas/* object */.Ikc({
    meta: schemas/* object */.Ikc({ count: schemas/* number */.aig(), next_cursor: schemas/* string */.YjP().nullish() }),
    results: schemas/* array */.YOg(work),
});
/**
 * Papers of OpenAlex whose title or abstract matches the keywords, newest first.
 * Source: developers.openalex.org (guides on searching, filtering and paging).
 */
function openAlexPages(run) {
    const { keywords } = run.config;
    const search = keywords === null ? '' : (0,paper_fetch_keywords/* renderKeywords */.NW)(keywords, (quoted) => quoted);
    const query = [
        `title_and_abstract.search:${search}`,
        `from_publication_date:${(0,paper_fetch_window/* isoDay */.kh)(run.window.from)}`,
        `to_publication_date:${(0,paper_fetch_window/* isoDay */.kh)(run.window.to)}`,
    ].join(',');
    return { query, pages: openalex_readPages(run, query) };
}
async function* openalex_readPages(run, query) {
    const key = run.deps.openAlexKey;
    if (key === undefined || key === '') {
        throw new source_error/* SourceError */.c('openalex', 'rejected', 'OpenAlex needs a key (free, from openalex.org): set OPENALEX_API_KEY in the step that runs the worker, or take openalex out of sources');
    }
    let cursor = '*';
    let kept = 0;
    let read = 0;
    while (cursor !== null && kept < run.config.maxPapers) {
        const answer = await openalex_readPage(run, query, key, cursor);
        const readable = answer.results.map(readWork).filter((paper) => paper !== null);
        const papers = readable.slice(0, run.config.maxPapers - kept);
        const unreadable = answer.results.length - readable.length;
        yield {
            papers,
            skipped: 0,
            total: answer.meta.count,
            warnings: unreadable === 0 ? [] : [`OpenAlex sent ${unreadable} works without title or date`],
        };
        kept += papers.length;
        read += answer.results.length;
        const next = answer.meta.next_cursor ?? null;
        // Only an empty page has no next cursor; every page costs money, so that one is not asked for.
        const isLast = answer.results.length === 0 || read >= answer.meta.count || next === cursor;
        cursor = isLast ? null : next;
    }
}
function openalex_readPage(run, query, key, cursor) {
    const url = new URL(run.deps.endpoints.openalex);
    url.searchParams.set('filter', query);
    url.searchParams.set('sort', 'publication_date:desc');
    url.searchParams.set('per_page', String(openalex_PAGE_SIZE));
    url.searchParams.set('select', FIELDS);
    url.searchParams.set('cursor', cursor);
    url.searchParams.set('api_key', key);
    // The key travels in the address, and some errors and answers repeat the address.
    const redact = (text) => text.replaceAll(key, '***').replaceAll(encodeURIComponent(key), '***');
    const attempt = async () => {
        const response = await (0,http/* get */.Jt)({
            source: 'openalex',
            url: url.href,
            accept: 'application/json',
            userAgent: run.userAgent,
            signal: run.signal,
            redact,
        }, run.deps);
        return openalex_readAnswer(response, redact);
    };
    return (0,retry/* withRetries */.L)(attempt, run.signal, run.deps, (error, waitMs) => run.log(`${error.message}; asking again in ${Math.round(waitMs / 1000)} s`));
}
function openalex_readAnswer(response, redact) {
    const { status, retryAfterSeconds } = response;
    const quoted = (0,http/* quoteBody */.jg)(response, redact);
    const fail = (kind, text, cause) => new source_error/* SourceError */.c('openalex', kind, `${text} (HTTP ${status}: ${quoted})`, { retryAfterSeconds, cause });
    // OpenAlex answers 403 as well as 429 to those who are over a limit.
    if (status === 429 || (status === 403 && /rate|limit|budget/i.test(response.body))) {
        throw fail('throttled', 'OpenAlex has no budget left for this key');
    }
    if (status === 401 || status === 403)
        throw fail('blocked', 'OpenAlex refuses the key');
    if (status >= 500 || status === 408)
        throw fail('unavailable', 'OpenAlex is not available');
    if (status !== 200)
        throw fail('rejected', 'OpenAlex refuses the query');
    let body;
    try {
        body = JSON.parse(response.body);
    }
    catch (cause) {
        throw fail('unavailable', 'OpenAlex sent something that is not JSON', cause);
    }
    const parsed = openalex_answerSchema.safeParse(body);
    if (!parsed.success) {
        throw fail('rejected', `OpenAlex sent another shape than expected: ${(0,paper_fetch_text/* quoteStart */.D3)(errors/* prettifyError */.S1(parsed.error))}`);
    }
    return parsed.data;
}
function readWork(item) {
    const title = (0,paper_fetch_text/* cleanTextOrNull */.Bq)(item.title);
    const published = (0,paper_fetch_text/* isoDate */._$)(item.publication_date);
    const id = /W\d+$/.exec(item.id)?.[0];
    if (title === null || published === null || id === undefined)
        return null;
    const doi = item.doi ?? null;
    const landingPages = (item.locations ?? []).map((place) => place.landing_page_url ?? '');
    const arxiv = [doi ?? '', ...landingPages].map(identifiers/* parseArxivId */.R).find((found) => found !== null);
    return {
        source: 'openalex',
        sourceId: id,
        arxivId: arxiv?.id ?? null,
        version: null,
        doi: (0,identifiers/* normaliseDoi */.P)(doi),
        title,
        authors: (item.authorships ?? [])
            .map((authorship) => (0,paper_fetch_text/* cleanText */.X5)(authorship.author.display_name ?? ''))
            .filter((name) => name !== ''),
        abstract: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(abstractText(item.abstract_inverted_index ?? {})),
        categories: (item.topics ?? [])
            .map((each) => (0,paper_fetch_text/* cleanText */.X5)(each.display_name ?? ''))
            .filter((name) => name !== ''),
        primaryCategory: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(item.primary_topic?.display_name),
        published,
        updated: null,
        url: item.primary_location?.landing_page_url ?? doi ?? item.id,
        pdfUrl: item.best_oa_location?.pdf_url ?? item.primary_location?.pdf_url ?? null,
        comment: null,
        journalRef: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(item.primary_location?.source?.display_name),
    };
}
/** OpenAlex stores an abstract as word → positions. */
function abstractText(index) {
    return Object.entries(index)
        .flatMap(([word, positions]) => positions.map((position) => ({ word, position })))
        .sort((left, right) => left.position - right.position)
        .map(({ word }) => word)
        .join(' ');
}

// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/paper.js
var paper_fetch_paper = __webpack_require__(3364);
;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/run-source.js









const SOURCES = {
    arxiv: arxiv/* arxivPages */.x,
    openalex: openAlexPages,
    europepmc: europePmcPages,
};
/**
 * Reads one source page by page and stores each page before it asks for the next, so that nothing is lost when a later
 * page fails. A `SourceError` ends up in the report; errors of the store and aborts are thrown.
 */
async function runSource(source, run, onPage) {
    const started = run.deps.monotonic();
    const { query, pages } = SOURCES[source](run);
    const key = queryKey(source, run.config);
    const seenBefore = source === 'arxiv' ? await seenUntil(run, key) : null;
    let report = emptyReport(source, query);
    try {
        for await (const page of pages) {
            const counts = await storePage(run, page.papers);
            report = addPage(report, page, counts, run.config.maxPapers);
            onPage(report);
            run.signal.throwIfAborted();
            if (isKnownFromHere(page, counts, seenBefore)) {
                run.log(`${(0,http/* sourceLabel */.en)(source)}: the rest was read before`);
                break;
            }
        }
    }
    catch (error) {
        run.signal.throwIfAborted();
        if (!(error instanceof source_error/* SourceError */.c))
            throw error;
        return { ...report, error };
    }
    if (source === 'arxiv')
        await run.deps.store.markComplete(key, (run.deps.monotonic() - started) / 1000);
    return report;
}
/**
 * The instant up to which an earlier run of the same query has seen all papers, or null. It is the end of a complete
 * run less the days that a paper may come late, so a run that was cut off, or a paper that moderators held, never
 * makes a hole.
 */
async function seenUntil(run, key) {
    const seconds = await run.deps.store.secondsSinceComplete(key);
    return seconds === null
        ? null
        : run.deps.now().getTime() - seconds * 1000 - paper_fetch_window/* LATEST_ARRIVAL_DAYS */.Y_ * 86_400_000;
}
/** Pages come newest first: when a page is old enough and holds nothing new, neither do those after it. */
function isKnownFromHere(page, counts, seenBefore) {
    if (seenBefore === null || page.papers.length === 0)
        return false;
    if (counts.inserted > 0 || counts.updated > 0)
        return false;
    return page.papers.every((paper) => Date.parse(paper.published) < seenBefore);
}
/** The same for two runs that ask for the same papers on different days. */
function queryKey(source, config) {
    const keywords = config.keywords === null ? null : (0,paper_fetch_keywords/* renderKeywords */.NW)(config.keywords, (quoted) => quoted);
    const parts = [source, keywords, [...config.categories].sort(), config.daysBack, config.maxPapers];
    const text = JSON.stringify([...parts, config.includeCrossLists]);
    return `${source}:${(0,external_node_crypto_.createHash)('sha256').update(text).digest('hex')}`;
}
async function storePage(run, papers) {
    if (papers.length === 0)
        return { inserted: 0, updated: 0, unchanged: 0, insertedIds: [] };
    return run.deps.store.upsert(papers);
}
function emptyReport(source, query) {
    return {
        source,
        query,
        found: 0,
        inserted: 0,
        updated: 0,
        unchanged: 0,
        skipped: 0,
        pages: 0,
        totalResults: null,
        capped: false,
        newPapers: [],
        warnings: [],
        error: null,
    };
}
function addPage(report, page, counts, maxPapers) {
    const insertedIds = new Set(counts.insertedIds);
    const found = report.found + page.papers.length;
    return {
        ...report,
        found,
        inserted: report.inserted + counts.inserted,
        updated: report.updated + counts.updated,
        unchanged: report.unchanged + counts.unchanged,
        skipped: report.skipped + page.skipped,
        pages: report.pages + 1,
        totalResults: page.total,
        capped: found >= maxPapers && page.total !== null && page.total > found + report.skipped + page.skipped,
        newPapers: [...report.newPapers, ...page.papers.filter((paper) => insertedIds.has((0,paper_fetch_paper/* paperIdentity */.j)(paper)))],
        warnings: [...report.warnings, ...page.warnings],
    };
}

;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/handler.js







/**
 * Makes the handler of `paper_fetch` jobs: it stores the metadata of papers that match the job's config and never
 * downloads a paper itself. Make one for the whole process: the gate that keeps requests to arXiv apart lives in it.
 */
function createPaperFetchHandler(deps) {
    const arxivGate = createGate(deps.arxivGateMs ?? paper_fetch_deps/* ARXIV_GATE_MS */.c8, deps);
    return async (context) => {
        const started = deps.monotonic();
        if (deps.openAlexKey !== undefined && deps.openAlexKey !== '')
            context.secret(deps.openAlexKey);
        const parsed = (0,paper_fetch_config/* parsePaperFetchConfig */.c)(context.config);
        if (!parsed.ok)
            return { outcome: 'discard', reason: parsed.message };
        const { config } = parsed;
        const now = deps.now();
        const window = (0,paper_fetch_window/* fetchWindow */.ZD)(now, config.daysBack);
        const run = {
            config,
            window,
            signal: context.signal,
            userAgent: (0,http/* userAgent */.N1)(deps.userAgentVersion, config.mailto),
            deps,
            arxivGate,
            log: (text) => context.log.line(text),
        };
        const reports = [];
        for (const source of config.sources) {
            context.signal.throwIfAborted();
            const doneBefore = reports.reduce((sum, report) => sum + report.found, 0);
            const report = await runSource(source, run, (soFar) => {
                const expected = Math.min(soFar.totalResults ?? config.maxPapers, config.maxPapers);
                const total = doneBefore + Math.max(expected, soFar.found);
                const note = `${(0,http/* sourceLabel */.en)(source)}: ${soFar.found} papers read, ${soFar.inserted} new`;
                context.progress({ done: doneBefore + soFar.found, total, note });
                context.log.line(note);
            });
            if (report.error !== null)
                context.log.line(report.error.message, 'stderr');
            for (const warning of report.warnings)
                context.log.line(warning, 'stderr');
            reports.push(report);
        }
        const outcome = buildOutcome({
            sources: reports,
            totalPapers: await deps.store.count(),
            durationSeconds: (deps.monotonic() - started) / 1000,
            window,
            now,
            random: deps.random(),
        });
        // No other worker asks arXiv before this job ends, so the pause after its last request is part of it.
        if (config.sources.includes('arxiv'))
            await arxivGate.rest(context.signal);
        return outcome;
    };
}


/***/ })

};
