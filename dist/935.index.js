export const id = 935;
export const ids = [935];
export const modules = {

/***/ 7074:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  w: () => (/* binding */ PAPER_FETCH_CONCURRENCY_KEY),
  x: () => (/* binding */ arxivPages)
});

// EXTERNAL MODULE: ./node_modules/feedsmith/dist/feeds/atom/parse/index.mjs + 102 modules
var parse = __webpack_require__(163);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/identifiers.js
var identifiers = __webpack_require__(490);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/text.js
var paper_fetch_text = __webpack_require__(8283);
;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/arxiv-feed.js



/** Called through a function of its own, so that the dates get the type they have without options. */
const parseFeed = (body) => (0,parse/* parse */.q)(body);
/** Reads the body of an answer of arXiv's query API. Never throws. */
function readArxivFeed(body) {
    let feed;
    try {
        feed = parseFeed(body);
    }
    catch (cause) {
        return { kind: 'unreadable', cause };
    }
    // The parser forgives a feed that stops in the middle, and the papers after that point would be missing in silence.
    if (!/<\/(?:[\w-]+:)?feed>\s*$/.test(body)) {
        return { kind: 'unreadable', cause: new Error('the feed has no closing tag') };
    }
    const entries = feed.entries ?? [];
    const error = entries.find(isErrorEntry);
    if (error !== undefined) {
        return { kind: 'error', message: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(error.summary?.value) ?? 'no reason given' };
    }
    const papers = [];
    const unreadable = [];
    for (const entry of entries) {
        const paper = readEntry(entry);
        if (paper === null)
            unreadable.push((0,paper_fetch_text/* cleanText */.X5)(entry.id ?? '(no id)').slice(0, 100));
        else
            papers.push(paper);
    }
    const total = feed.opensearch?.totalResults;
    return {
        kind: 'papers',
        papers,
        entryCount: entries.length,
        unreadable,
        totalResults: typeof total === 'number' && Number.isFinite(total) ? total : null,
        title: (0,paper_fetch_text/* cleanText */.X5)(feed.title?.value ?? ''),
    };
}
function isErrorEntry(entry) {
    return (/\/api\/errors(?:#|$)/.test(entry.id ?? '') ||
        ((0,paper_fetch_text/* cleanText */.X5)(entry.title?.value ?? '') === 'Error' && (0,identifiers/* parseArxivId */.R)(entry.id ?? '') === null));
}
function readEntry(entry) {
    const id = (0,identifiers/* parseArxivId */.R)(entry.id ?? '');
    const title = (0,paper_fetch_text/* cleanTextOrNull */.Bq)(entry.title?.value);
    const published = (0,paper_fetch_text/* isoDate */._$)(entry.published) ?? (0,paper_fetch_text/* isoDate */._$)(entry.updated);
    if (id === null || title === null || published === null)
        return null;
    const links = entry.links ?? [];
    const version = id.version ?? versionOfLinks(links.map((link) => link.href ?? ''));
    return {
        source: 'arxiv',
        sourceId: id.id,
        arxivId: id.id,
        version,
        doi: (0,identifiers/* normaliseDoi */.P)(entry.arxiv?.doi),
        title,
        authors: (entry.authors ?? [])
            .map((author) => (0,paper_fetch_text/* cleanText */.X5)(author.name ?? ''))
            .filter((name) => name !== ''),
        abstract: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(entry.summary?.value),
        categories: distinct((entry.categories ?? []).map((category) => (0,paper_fetch_text/* cleanText */.X5)(category.term ?? ''))),
        primaryCategory: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(entry.arxiv?.primaryCategory?.term),
        published,
        updated: (0,paper_fetch_text/* isoDate */._$)(entry.updated),
        // Built from the id: the feed's links carry the version and, in old feeds, http.
        url: `https://arxiv.org/abs/${id.id}`,
        pdfUrl: `https://arxiv.org/pdf/${id.id}`,
        comment: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(entry.arxiv?.comment),
        journalRef: (0,paper_fetch_text/* cleanTextOrNull */.Bq)(entry.arxiv?.journalRef),
    };
}
/** Feeds of the old kind have the version in their links only. */
function versionOfLinks(hrefs) {
    for (const href of hrefs) {
        const version = (0,identifiers/* parseArxivId */.R)(href)?.version ?? null;
        if (version !== null)
            return version;
    }
    return null;
}
function distinct(values) {
    return [...new Set(values.filter((value) => value !== ''))];
}

// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/keywords.js
var keywords = __webpack_require__(4588);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/window.js
var paper_fetch_window = __webpack_require__(8816);
;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/arxiv-query.js


/**
 * The `search_query` for arXiv, not yet percent-encoded. Dates are written out to the minute: since November 2025
 * shorter ones and wildcards are refused.
 */
function arxivSearchQuery(config, window) {
    const parts = [];
    if (config.keywords !== null)
        parts.push((0,keywords/* renderKeywords */.NW)(config.keywords, (quoted) => `all:${quoted}`));
    const categories = config.categories.map((category) => `cat:${category}`);
    if (categories.length === 1)
        parts.push(...categories);
    if (categories.length > 1)
        parts.push(`(${categories.join(' OR ')})`);
    parts.push(`submittedDate:[${(0,paper_fetch_window/* arxivMinute */.BQ)(window.from)} TO ${(0,paper_fetch_window/* arxivMinute */.BQ)(window.to)}]`);
    return parts.join(' AND ');
}
/** The address of one page, newest papers first. */
function arxivPageUrl(base, query, start, maxResults) {
    const url = new URL(base);
    url.searchParams.set('search_query', query);
    url.searchParams.set('start', String(start));
    url.searchParams.set('max_results', String(maxResults));
    url.searchParams.set('sortBy', 'submittedDate');
    url.searchParams.set('sortOrder', 'descending');
    return url.href;
}
/**
 * The query that arXiv says it ran, when it is another than the one sent. arXiv rewrites what it does not know
 * (`foo:bar` becomes `all:foo:bar`) without a word, but echoes the query in the feed's title. Spacing, quotes,
 * parentheses and case are not compared, only the terms and their fields. Null when they are the same or the title
 * has no echo.
 */
function rewrittenQuery(sent, feedTitle) {
    const echo = /search_query=(.*?)(?:&(?:id_list|start|max_results)=|$)/s.exec(feedTitle)?.[1];
    if (echo === undefined)
        return null;
    return terms(echo) === terms(sent) ? null : echo.trim();
}
function terms(query) {
    return query
        .replaceAll('+', ' ')
        .toLowerCase()
        .split(/[\s"()]+/)
        .filter((term) => term !== '')
        .sort()
        .join(' ');
}

// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/deps.js
var deps = __webpack_require__(4346);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/http.js
var http = __webpack_require__(4048);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/retry.js
var retry = __webpack_require__(4304);
// EXTERNAL MODULE: ./lib/src/handlers/paper-fetch/source-error.js
var source_error = __webpack_require__(1694);
;// CONCATENATED MODULE: ./lib/src/handlers/paper-fetch/arxiv.js






/**
 * The queue runs one job with this concurrency key at a time, over all workers: arXiv allows one connection and one
 * request every three seconds for all machines of a user together.
 */
const PAPER_FETCH_CONCURRENCY_KEY = 'cloud-jobs:arxiv';
/** Without an Accept header arXiv answers 406. */
const ACCEPT = 'application/atom+xml, application/xml;q=0.9, */*;q=0.1';
/** arXiv refuses to page beyond this with HTTP 400 (user manual, section 3.1.1). */
const MAX_START = 30_000;
/** Papers of arXiv that match the config, newest first. */
function arxivPages(run) {
    const query = arxivSearchQuery(run.config, run.window);
    return { query, pages: readPages(run, query) };
}
async function* readPages(run, query) {
    const { config } = run;
    const pageSize = run.deps.arxivPageSize ?? deps/* ARXIV_PAGE_SIZE */.HK;
    let start = 0;
    let kept = 0;
    let total = null;
    while (kept < config.maxPapers && start < MAX_START) {
        // A filter makes it unknown how many entries are needed, so whole pages are asked for then.
        const wanted = config.includeCrossLists ? Math.min(pageSize, config.maxPapers - kept) : pageSize;
        const asked = Math.min(wanted, MAX_START - start);
        const answer = await readPage(run, query, start, asked, total);
        total = answer.totalResults ?? total;
        const fitting = answer.papers.filter((paper) => isFitting(paper, config));
        const papers = fitting.slice(0, config.maxPapers - kept);
        yield {
            papers,
            skipped: answer.papers.length - fitting.length,
            total,
            warnings: warningsOf(answer, query, start === 0),
        };
        start += answer.entryCount;
        kept += papers.length;
        const isLast = total === null ? answer.entryCount < asked : start >= total;
        if (isLast)
            return;
    }
}
function readPage(run, query, start, asked, knownTotal) {
    const request = {
        source: 'arxiv',
        url: arxivPageUrl(run.deps.endpoints.arxiv, query, start, asked),
        accept: ACCEPT,
        userAgent: run.userAgent,
        signal: run.signal,
    };
    const attempt = async () => {
        const response = await run.arxivGate.pass(run.signal, () => (0,http/* get */.Jt)(request, run.deps));
        const answer = readAnswer(response);
        const total = answer.totalResults ?? knownTotal;
        if (answer.entryCount === 0 && total !== null && start < total) {
            throw unavailable(`arXiv sent an empty page at ${start} of ${total} papers`);
        }
        return answer;
    };
    return (0,retry/* withRetries */.L)(attempt, run.signal, run.deps, (error, waitMs) => run.log(`${error.message}; asking again in ${Math.round(waitMs / 1000)} s`));
}
/** Sorts an answer into papers or the kind of error it is. */
function readAnswer(response) {
    const { status, retryAfterSeconds } = response;
    // Since autumn 2026 the throttle answers 406 as well as 429, for the same request seconds apart.
    if (status === 429 || status === 406 || /^\s*rate exceeded/i.test(response.body)) {
        throw new source_error/* SourceError */.c('arxiv', 'throttled', `arXiv throttles this machine (HTTP ${status}: ${(0,http/* quoteBody */.jg)(response)})`, {
            retryAfterSeconds,
        });
    }
    if (status === 403) {
        throw new source_error/* SourceError */.c('arxiv', 'blocked', `arXiv refuses this machine (HTTP 403: ${(0,http/* quoteBody */.jg)(response)}). Do not ask again soon: arXiv takes that for an attack`);
    }
    if (status >= 500 || status === 408) {
        throw unavailable(`arXiv is overloaded (HTTP ${status}: ${(0,http/* quoteBody */.jg)(response)})`, retryAfterSeconds);
    }
    const answer = readArxivFeed(response.body);
    if (answer.kind === 'error') {
        throw new source_error/* SourceError */.c('arxiv', 'rejected', `arXiv refuses the query (HTTP ${status}): ${answer.message}`);
    }
    if (status !== 200) {
        throw new source_error/* SourceError */.c('arxiv', 'rejected', `arXiv refuses the query (HTTP ${status}: ${(0,http/* quoteBody */.jg)(response)})`);
    }
    if (answer.kind === 'unreadable') {
        throw unavailable(`arXiv sent something that is no whole Atom feed: ${(0,http/* quoteBody */.jg)(response)}`, null, answer.cause);
    }
    return answer;
}
function unavailable(message, retryAfterSeconds = null, cause) {
    return new source_error/* SourceError */.c('arxiv', 'unavailable', message, { retryAfterSeconds, cause });
}
function isFitting(paper, config) {
    if (config.includeCrossLists)
        return true;
    return paper.primaryCategory !== null && config.categories.includes(paper.primaryCategory);
}
function warningsOf(answer, query, isFirst) {
    const warnings = [];
    const rewritten = isFirst ? rewrittenQuery(query, answer.title) : null;
    if (rewritten !== null) {
        warnings.push(`arXiv ran another query than the one sent: ${rewritten.slice(0, 500)} in place of ${query}`);
    }
    if (answer.unreadable.length > 0) {
        warnings.push(`arXiv sent ${answer.unreadable.length} entries without id, title or date: ${answer.unreadable.slice(0, 3).join(', ')}`);
    }
    return warnings;
}


/***/ }),

/***/ 7042:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   c: () => (/* binding */ parsePaperFetchConfig)
/* harmony export */ });
/* harmony import */ var zod__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(749);
/* harmony import */ var zod__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(8532);
/* harmony import */ var _keywords_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(4588);
/* harmony import */ var _paper_js__WEBPACK_IMPORTED_MODULE_3__ = __webpack_require__(3364);



const EXAMPLE = '{"keywords": ["retrieval augmented generation"], "categories": ["cs.CL"], "days_back": 7}';
/** Groups of categories: no paper is listed under one of these itself, so a query for it finds nothing. */
const GROUPS = new Set(['cs', 'econ', 'eess', 'math', 'nlin', 'physics', 'q-bio', 'q-fin', 'stat']);
/** Only these two write their subject classes in lower case (`cond-mat.mes-hall`, `physics.flu-dyn`). */
const LOWER_CASE_SUBJECTS = new Set(['cond-mat', 'physics']);
/** Old clients stored numbers as text. */
const wholeNumber = (min, max) => zod__WEBPACK_IMPORTED_MODULE_0__/* .preprocess */ .vkY((value) => (typeof value === 'string' && /^\s*\d+\s*$/.test(value) ? Number(value) : value), zod__WEBPACK_IMPORTED_MODULE_0__/* .number */ .aig({ error: `must be a whole number from ${min} to ${max}` })
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`));
const yesOrNo = zod__WEBPACK_IMPORTED_MODULE_0__/* .preprocess */ .vkY((value) => {
    const text = typeof value === 'string' ? value.trim().toLowerCase() : value;
    return text === 'true' ? true : text === 'false' ? false : value;
}, zod__WEBPACK_IMPORTED_MODULE_0__/* .boolean */ .zMY({ error: 'must be true or false' }));
/** A list that may be written as one text with commas. */
const textList = zod__WEBPACK_IMPORTED_MODULE_0__/* .preprocess */ .vkY((value) => (typeof value === 'string' ? value.replace(/[[\]'"]/g, '').split(',') : value), zod__WEBPACK_IMPORTED_MODULE_0__/* .array */ .YOg(zod__WEBPACK_IMPORTED_MODULE_0__/* .string */ .YjP({ error: 'must be a list of text' }), { error: 'must be a list of text' })
    .transform((items) => items.map((item) => item.trim()).filter((item) => item !== '')));
const keywords = zod__WEBPACK_IMPORTED_MODULE_0__/* .unknown */ .L5J().transform((value, context) => {
    try {
        return (0,_keywords_js__WEBPACK_IMPORTED_MODULE_1__/* .readKeywords */ .Xv)(value);
    }
    catch (error) {
        if (!(error instanceof _keywords_js__WEBPACK_IMPORTED_MODULE_1__/* .KeywordError */ ._l))
            throw error;
        context.addIssue({ code: 'custom', message: error.message.replace(/^keywords:? /, '') });
        return zod__WEBPACK_IMPORTED_MODULE_2__/* .NEVER */ .tm;
    }
});
const categories = textList.transform((items, context) => {
    const known = new Set();
    for (const item of items) {
        const category = canonicalCategory(item);
        if (category === null) {
            context.addIssue({
                code: 'custom',
                message: GROUPS.has(item.toLowerCase())
                    ? `"${item}" is a group of categories: name its categories, such as cs.AI, math.CO or physics.optics`
                    : `"${item}" is not an arXiv category such as cs.AI, hep-th or cond-mat.mes-hall`,
            });
        }
        else
            known.add(category);
    }
    return [...known];
});
const sources = textList
    .transform((items) => [...new Set(items.map((item) => item.toLowerCase()))])
    .pipe(zod__WEBPACK_IMPORTED_MODULE_0__/* .array */ .YOg(zod__WEBPACK_IMPORTED_MODULE_0__/* ["enum"] */ .k5n(_paper_js__WEBPACK_IMPORTED_MODULE_3__/* .PAPER_SOURCES */ .S, { error: `must be some of ${_paper_js__WEBPACK_IMPORTED_MODULE_3__/* .PAPER_SOURCES */ .S.join(', ')}` }))
    .min(1, 'must name at least one source'));
const schema = zod__WEBPACK_IMPORTED_MODULE_0__/* .strictObject */ .rej({
    keywords: keywords.optional(),
    categories: categories.default([]),
    days_back: wholeNumber(1, 3650).default(7),
    max_papers: wholeNumber(1, 5000).default(100),
    include_cross_lists: yesOrNo.default(true),
    sources: sources.default(['arxiv']),
    // It ends up in a header, so only a plain address will do.
    mailto: zod__WEBPACK_IMPORTED_MODULE_0__/* .email */ .Rpp('must be an e-mail address').max(254).nullish(),
})
    .superRefine((config, context) => {
    const problem = combinedProblem(config.keywords ?? null, config);
    if (problem !== null)
        context.addIssue({ code: 'custom', message: problem });
});
/** Reads a job's config. Never throws: what is wrong comes back as one line of text. */
function parsePaperFetchConfig(config) {
    const given = config ?? {};
    if (typeof given === 'object' && !Array.isArray(given) && 'config_path' in given) {
        return refuse(`config_path is no longer read, jobs carry their own config. Put what the file held into the job, e.g. ${EXAMPLE}`);
    }
    const parsed = schema.safeParse(given);
    if (!parsed.success)
        return refuse(parsed.error.issues.map(describeIssue).join('; '));
    const value = parsed.data;
    return {
        ok: true,
        config: {
            keywords: value.keywords ?? null,
            categories: value.categories,
            daysBack: value.days_back,
            maxPapers: value.max_papers,
            includeCrossLists: value.include_cross_lists,
            sources: value.sources,
            mailto: value.mailto ?? null,
        },
    };
}
function combinedProblem(expression, config) {
    if (expression === null && config.categories.length === 0) {
        return `keywords or categories: at least one must be given, e.g. ${EXAMPLE}`;
    }
    if (!config.include_cross_lists && config.categories.length === 0) {
        return 'include_cross_lists: false needs categories: name those that a paper must be primary in';
    }
    const elsewhere = config.sources.filter((source) => source !== 'arxiv');
    if (expression === null && elsewhere.length > 0) {
        return `sources: ${elsewhere.join(' and ')} can only be searched by keywords (categories are arXiv's): add keywords`;
    }
    return null;
}
function canonicalCategory(text) {
    const match = /^([a-z][a-z-]*)(?:\.([a-z][a-z-]*))?$/i.exec(text);
    const archive = match?.[1]?.toLowerCase();
    if (archive === undefined)
        return null;
    const subject = match?.[2];
    if (subject === undefined)
        return GROUPS.has(archive) ? null : archive;
    const cased = LOWER_CASE_SUBJECTS.has(archive) ? subject.toLowerCase() : subject.toUpperCase();
    return `${archive}.${cased}`;
}
function describeIssue(issue) {
    if (issue.code === 'unrecognized_keys') {
        const known = Object.keys(schema.shape).join(', ');
        return `unknown key ${issue.keys.map((key) => `"${key}"`).join(', ')} (known are: ${known})`;
    }
    const path = issue.path.join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
}
function refuse(message) {
    return { ok: false, message: `The config of this paper_fetch job is not usable: ${message}` };
}


/***/ }),

/***/ 4048:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   Jt: () => (/* binding */ get),
/* harmony export */   N1: () => (/* binding */ userAgent),
/* harmony export */   en: () => (/* binding */ sourceLabel),
/* harmony export */   jg: () => (/* binding */ quoteBody)
/* harmony export */ });
/* unused harmony export retryAfter */
/* harmony import */ var _deps_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(4346);
/* harmony import */ var _source_error_js__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(1694);
/* harmony import */ var _text_js__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(8283);



/**
 * One GET. Returns whatever status came; throws `SourceError` of kind `unavailable` when no whole answer came (network,
 * timeout, too large), and the signal's own reason when that aborts.
 */
async function get(request, deps) {
    const timeoutMs = deps.requestTimeoutMs ?? _deps_js__WEBPACK_IMPORTED_MODULE_0__/* .REQUEST_TIMEOUT_MS */ .j2;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
        const response = await deps.fetch(request.url, {
            headers: { accept: request.accept, 'user-agent': request.userAgent },
            signal: AbortSignal.any([request.signal, timeout]),
        });
        const body = await readBody(response, deps.maxResponseBytes ?? _deps_js__WEBPACK_IMPORTED_MODULE_0__/* .MAX_RESPONSE_BYTES */ .nB, request.source);
        return {
            status: response.status,
            body,
            retryAfterSeconds: retryAfter(response.headers.get('retry-after'), deps.now()),
        };
    }
    catch (error) {
        request.signal.throwIfAborted();
        if (error instanceof _source_error_js__WEBPACK_IMPORTED_MODULE_1__/* .SourceError */ .c)
            throw error;
        const reason = timeout.aborted ? `no whole answer within ${timeoutMs / 1000} s` : networkReason(error);
        // The cause of a failed fetch can hold the whole address; with a redactor there is a secret in it.
        const cause = request.redact === undefined ? { cause: error } : {};
        const message = `${sourceLabel(request.source)} could not be reached: ${reason}`;
        throw new _source_error_js__WEBPACK_IMPORTED_MODULE_1__/* .SourceError */ .c(request.source, 'unavailable', request.redact?.(message) ?? message, cause);
    }
}
/** The start of a body for an error message, without secrets and on one line. */
function quoteBody(response, redact) {
    const start = (0,_text_js__WEBPACK_IMPORTED_MODULE_2__/* .quoteStart */ .D3)(redact?.(response.body.slice(0, 4000)) ?? response.body);
    return start === '' ? 'an empty answer' : `"${start}"`;
}
/** `cloud-jobs/<version> (paper_fetch; mailto:…)`. Agents without a name of their own are throttled more. */
function userAgent(version, mailto) {
    return `cloud-jobs/${version} (paper_fetch${mailto === null ? '' : `; mailto:${mailto}`})`;
}
/** How the source is called in messages. */
function sourceLabel(source) {
    return { arxiv: 'arXiv', openalex: 'OpenAlex', europepmc: 'Europe PMC' }[source];
}
async function readBody(response, limit, source) {
    if (response.body === null)
        return '';
    const chunks = [];
    let size = 0;
    for await (const chunk of response.body) {
        size += chunk.byteLength;
        if (size > limit) {
            throw new _source_error_js__WEBPACK_IMPORTED_MODULE_1__/* .SourceError */ .c(source, 'unavailable', `${sourceLabel(source)} sent more than ${limit} bytes in one answer`);
        }
        chunks.push(chunk);
    }
    return new TextDecoder().decode(Buffer.concat(chunks));
}
/** Seconds from a `Retry-After` header: a number of seconds or an HTTP date. Null when there is none to be read. */
function retryAfter(header, now) {
    if (header === null)
        return null;
    if (/^\s*\d+\s*$/.test(header))
        return Number(header);
    const time = Date.parse(header);
    return Number.isNaN(time) ? null : Math.max(0, Math.ceil((time - now.getTime()) / 1000));
}
function networkReason(error) {
    if (!(error instanceof Error))
        return String(error);
    const cause = error.cause;
    if (!(cause instanceof Error))
        return error.message;
    const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
    return [code, cause.message].filter((part) => part !== '').join(' ');
}


/***/ }),

/***/ 490:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   P: () => (/* binding */ normaliseDoi),
/* harmony export */   R: () => (/* binding */ parseArxivId)
/* harmony export */ });
const NEW_STYLE = /^(\d{4}\.\d{4,5})(?:v(\d{1,4}))?$/i;
const OLD_STYLE = /^([a-z][a-z-]*)(?:\.[a-z-]+)?\/(\d{7})(?:v(\d{1,4}))?$/i;
/**
 * Reads an arXiv id in any form it is seen in: bare, `arXiv:…`, `oai:arXiv.org:…`, an abs or pdf address, a
 * 10.48550 DOI, with or without version. Old ids keep their archive, and the subject class that some forms carry
 * goes (`math.GT/0309136` is `math/0309136`). Null when `text` is none.
 * Source: arxiv_identifier.md and arxiv_identifier_for_services.md of arXiv's documentation.
 */
function parseArxivId(text) {
    const bare = text
        .trim()
        .replace(/[?#].*$/, '')
        .replace(/^https?:\/\/(?:[a-z]+\.)?arxiv\.org\/(?:abs|pdf|html)\//i, '')
        .replace(/^(?:https?:\/\/(?:dx\.)?doi\.org\/|doi:)?10\.48550\/arxiv\./i, '')
        .replace(/^oai:arxiv\.org:/i, '')
        .replace(/^arxiv:/i, '')
        .replace(/\.pdf$/i, '');
    const fresh = NEW_STYLE.exec(bare);
    if (fresh?.[1] !== undefined)
        return { id: fresh[1], version: versionNumber(fresh[2]) };
    const old = OLD_STYLE.exec(bare);
    if (old?.[1] !== undefined && old[2] !== undefined) {
        return { id: `${old[1].toLowerCase()}/${old[2]}`, version: versionNumber(old[3]) };
    }
    return null;
}
/** DOI in lower case without resolver or `doi:`; null when `text` is no DOI or is arXiv's own (10.48550/arXiv.…). */
function normaliseDoi(text) {
    const bare = (text ?? '')
        .trim()
        .replace(/^https?:\/\/(?:dx\.)?doi\.org\//i, '')
        .replace(/^doi:\s*/i, '')
        // Authors may type several DOIs into arXiv's field; the first one is the paper's.
        .split(/\s+/)[0]
        ?.toLowerCase();
    if (bare === undefined || !/^10\.\d{4,9}\/\S+$/.test(bare))
        return null;
    return bare.startsWith('10.48550/arxiv.') ? null : bare;
}
function versionNumber(digits) {
    return digits === undefined ? null : Number(digits);
}


/***/ }),

/***/ 4588:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   NW: () => (/* binding */ renderKeywords),
/* harmony export */   Xv: () => (/* binding */ readKeywords),
/* harmony export */   _l: () => (/* binding */ KeywordError)
/* harmony export */ });
/* unused harmony exports MAX_PHRASE_LENGTH, MAX_PHRASES, cleanPhrase */
/** Thrown for keywords that cannot be searched for; the message says which and why. */
class KeywordError extends Error {
    name = 'KeywordError';
}
/** The longest phrase, in characters, and the most phrases: together they keep the address under 4,000 bytes. */
const MAX_PHRASE_LENGTH = 200;
const MAX_PHRASES = 50;
const MAX_DEPTH = 6;
/**
 * Reads keywords in the forms that a config may have:
 * - `"rag"` or `"rag, agents"`: any of the comma-separated phrases (a JSON list in a string works too);
 * - `["rag", "agents"]`: any of them;
 * - `[["rag", "agents"], ["safety"]]`: AND of OR-lists, as soon as one element is a list;
 * - `{"all": […], "any": […]}`, nested at will.
 * Phrases that differ only in case are one. Throws `KeywordError`.
 */
function readKeywords(value) {
    const expression = read(fromText(value), 1);
    if (expression !== null && countPhrases(expression) > MAX_PHRASES) {
        throw new KeywordError(`keywords has more than ${MAX_PHRASES} phrases: split the job into several jobs`);
    }
    return expression;
}
/**
 * A phrase that cannot break out of double quotes or be read as syntax by arXiv, OpenAlex or Europe PMC: no quotes,
 * brackets, wildcards, field colons, commas or pipes, and accents folded (arXiv answers some of them with HTTP 400).
 */
function cleanPhrase(text) {
    return text
        .toWellFormed()
        .normalize('NFKD')
        .replace(/[\p{M}\uFFFD]/gu, '')
        .replace(/[\p{C}\p{Z}\s"“”„«»\\()[\]{}<>*?^~:,;|]+/gu, ' ')
        .trim();
}
/** Writes an expression with AND and OR, each phrase through `leaf`. */
function renderKeywords(expression, leaf) {
    if (expression.kind === 'phrase')
        return leaf(`"${expression.phrase}"`);
    const parts = expression.of.map((part) => renderKeywords(part, leaf));
    const joined = parts.join(expression.kind === 'all' ? ' AND ' : ' OR ');
    return parts.length === 1 ? joined : `(${joined})`;
}
function read(value, depth) {
    if (depth > MAX_DEPTH)
        throw new KeywordError(`keywords is nested deeper than ${MAX_DEPTH} levels`);
    if (value === null || value === undefined)
        return null;
    if (typeof value === 'string')
        return readPhrase(value);
    if (Array.isArray(value)) {
        const nested = value.some((item) => typeof item === 'object' && item !== null);
        return combine(nested ? 'all' : 'any', value.map((item) => read(item, depth + 1)));
    }
    if (typeof value === 'object') {
        const unknown = Object.keys(value).filter((key) => key !== 'all' && key !== 'any');
        if (unknown.length > 0) {
            throw new KeywordError(`keywords has the unknown key ${unknown.join(', ')}: use "all" and "any"`);
        }
        return combine('all', [readList(value, 'all', depth), readList(value, 'any', depth)]);
    }
    throw new KeywordError(`keywords must be text or lists of text, but has ${JSON.stringify(value)}`);
}
function readList(value, kind, depth) {
    const list = kind in value ? Reflect.get(value, kind) : undefined;
    if (list === undefined || list === null)
        return null;
    const items = Array.isArray(list) ? list : [list];
    return combine(kind, items.map((item) => read(item, depth + 1)));
}
function readPhrase(text) {
    if (text.trim() === '')
        return null;
    const phrase = cleanPhrase(text);
    if (!/[\p{L}\p{N}]/u.test(phrase)) {
        throw new KeywordError(`keywords: ${JSON.stringify(text)} has no letter or digit to search for`);
    }
    if (phrase.length > MAX_PHRASE_LENGTH) {
        throw new KeywordError(`keywords: "${phrase.slice(0, 40)}…" is longer than ${MAX_PHRASE_LENGTH} characters`);
    }
    return { kind: 'phrase', phrase };
}
function combine(kind, parts) {
    const distinct = new Map();
    for (const part of parts) {
        if (part === null)
            continue;
        const key = renderKeywords(part, (quoted) => quoted).toLowerCase();
        if (!distinct.has(key))
            distinct.set(key, part);
    }
    const [first, ...rest] = [...distinct.values()];
    if (first === undefined)
        return null;
    return rest.length === 0 ? first : { kind, of: [first, ...rest] };
}
/** Old command lines sent lists as text: `a, b`, `["a","b"]` or Python's `['a','b']`. */
function fromText(value) {
    if (typeof value !== 'string')
        return value;
    const text = value.trim();
    if (/^\[.*\]$|^\{.*\}$/s.test(text)) {
        for (const candidate of [text, text.replaceAll("'", '"')]) {
            try {
                return JSON.parse(candidate);
            }
            catch {
                // Not this form; the next one or the error below.
            }
        }
        throw new KeywordError(`keywords looks like a list but is not valid JSON: ${text.slice(0, 80)}`);
    }
    return text.split(',');
}
function countPhrases(expression) {
    if (expression.kind === 'phrase')
        return 1;
    return expression.of.reduce((sum, part) => sum + countPhrases(part), 0);
}


/***/ }),

/***/ 3364:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   S: () => (/* binding */ PAPER_SOURCES),
/* harmony export */   j: () => (/* binding */ paperIdentity)
/* harmony export */ });
/** Where papers can be fetched from. */
const PAPER_SOURCES = ['arxiv', 'openalex', 'europepmc'];
/** A paper's identity as the store reports it: arXiv id, else DOI, else `source:id`. */
function paperIdentity(paper) {
    return paper.arxivId ?? paper.doi ?? `${paper.source}:${paper.sourceId}`;
}


/***/ }),

/***/ 4304:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   L: () => (/* binding */ withRetries)
/* harmony export */ });
/* unused harmony export RETRY_WAITS_MS */
/* harmony import */ var _source_error_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(1694);

/** Waits between tries of one request, in milliseconds. More would only spend a runner's time: the job is retried. */
const RETRY_WAITS_MS = [10_000, 30_000, 60_000];
/**
 * Tries again while a source is `unavailable`, with the waits above (or its own `Retry-After`, up to a minute).
 * A throttle, a refusal and every other error pass at once: asking again would make them worse.
 */
async function withRetries(attempt, signal, deps, onRetry) {
    for (let tries = 0;; tries += 1) {
        try {
            return await attempt();
        }
        catch (error) {
            const planned = RETRY_WAITS_MS[tries];
            if (!(error instanceof _source_error_js__WEBPACK_IMPORTED_MODULE_0__/* .SourceError */ .c) || error.kind !== 'unavailable')
                throw error;
            if (planned === undefined) {
                throw new _source_error_js__WEBPACK_IMPORTED_MODULE_0__/* .SourceError */ .c(error.source, 'unavailable', `${error.message} (tried ${tries + 1} times)`, {
                    cause: error.cause,
                    retryAfterSeconds: error.retryAfterSeconds,
                });
            }
            const asked = error.retryAfterSeconds === null ? 0 : error.retryAfterSeconds * 1000;
            const waitMs = Math.max(planned, Math.min(asked, 60_000));
            onRetry(error, waitMs);
            await deps.sleep(waitMs, signal);
        }
    }
}


/***/ }),

/***/ 1694:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   c: () => (/* binding */ SourceError)
/* harmony export */ });
/** A failure of one source. Other sources go on; every other error fails the job. */
class SourceError extends Error {
    name = 'SourceError';
    source;
    kind;
    /** What the source asked for with `Retry-After`. */
    retryAfterSeconds;
    constructor(source, kind, message, options = {}) {
        super(message, options.cause === undefined ? undefined : { cause: options.cause });
        this.source = source;
        this.kind = kind;
        this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    }
}


/***/ }),

/***/ 8283:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   Bq: () => (/* binding */ cleanTextOrNull),
/* harmony export */   D3: () => (/* binding */ quoteStart),
/* harmony export */   X5: () => (/* binding */ cleanText),
/* harmony export */   _$: () => (/* binding */ isoDate)
/* harmony export */ });
/**
 * One line of clean text: Unicode form C, no NUL or other control characters, no half surrogates (Postgres stores
 * neither in jsonb), runs of white space as one space. arXiv wraps titles and abstracts over several lines.
 */
function cleanText(text) {
    return text
        .toWellFormed()
        .normalize('NFC')
        .replace(/[\p{Cc}\s]+/gu, ' ')
        .trim();
}
/** Like `cleanText`, but null for a text with nothing in it. */
function cleanTextOrNull(text) {
    const cleaned = cleanText(text ?? '');
    return cleaned === '' ? null : cleaned;
}
/** The start of `text` on one line, for error messages: at most `limit` characters, then an ellipsis. */
function quoteStart(text, limit = 120) {
    const cleaned = cleanText(text.slice(0, limit * 4));
    const characters = [...cleaned];
    return characters.length > limit ? `${characters.slice(0, limit).join('')}…` : cleaned;
}
/** ISO 8601 in UTC, or null when `text` is no date. A date alone is taken as midnight UTC. */
function isoDate(text) {
    if (text === null || text === undefined || text.trim() === '')
        return null;
    const time = Date.parse(text.trim());
    return Number.isNaN(time) ? null : new Date(time).toISOString();
}


/***/ }),

/***/ 8816:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   BQ: () => (/* binding */ arxivMinute),
/* harmony export */   Y_: () => (/* binding */ LATEST_ARRIVAL_DAYS),
/* harmony export */   ZD: () => (/* binding */ fetchWindow),
/* harmony export */   eD: () => (/* binding */ announcementGap),
/* harmony export */   kh: () => (/* binding */ isoDay)
/* harmony export */ });
/* unused harmony export OVERLAP_DAYS */
const DAY_MS = 86_400_000;
/**
 * Days that are read beyond `days_back`. arXiv filters by the day of submission, but shows a paper up to 4 days later
 * (submitted before a weekend), so without the overlap a job with `days_back: 1` would never see those.
 * Source: arXiv's availability.md.
 */
const OVERLAP_DAYS = 4;
/**
 * The latest that a paper shows up after its submission, in days: 4 for a weekend and 4 more when moderators hold it.
 * What is older than this at the end of a complete run has been seen.
 */
const LATEST_ARRIVAL_DAYS = 8;
/** From midnight UTC `daysBack` + `OVERLAP_DAYS` days ago to the end of today UTC. */
function fetchWindow(now, daysBack) {
    const midnight = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
    return {
        from: new Date(midnight - (daysBack + OVERLAP_DAYS) * DAY_MS),
        to: new Date(midnight + DAY_MS - 60_000),
    };
}
/** `YYYYMMDDHHMM` in GMT, as arXiv's `submittedDate:[… TO …]` wants it. */
function arxivMinute(date) {
    return date.toISOString().slice(0, 16).replace(/[-T:]/g, '');
}
/** `YYYY-MM-DD` in UTC. */
function isoDay(date) {
    return date.toISOString().slice(0, 10);
}
/**
 * Why arXiv shows nothing new on this day, or null on a day when it does. Announcements come at 20:00 US Eastern from
 * Sunday to Thursday, which is shortly after midnight UTC from Monday to Friday.
 */
function announcementGap(now) {
    const day = now.getUTCDay();
    if (day !== 0 && day !== 6)
        return null;
    return `today is a ${day === 0 ? 'Sunday' : 'Saturday'} (UTC) and arXiv announces papers from Monday to Friday only`;
}


/***/ })

};
