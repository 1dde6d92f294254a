import type { Mutation } from './mutation.ts';

const WORKER = 'src/worker/worker.ts';
const HEARTBEAT = 'src/worker/heartbeat.ts';
const ATTEMPT = 'src/worker/attempt.ts';
const SETTLE = 'src/worker/settle.ts';
const RECORDER = 'src/worker/recorder.ts';
const STORABLE = 'src/worker/storable.ts';
const RPC = 'src/queue/rpc.ts';
const ERRORS = 'src/queue/errors.ts';
const QUEUE = 'src/queue/queue.ts';

const test = (name: string) => ['test/worker/worker.test.ts', name] as const;
const LOCKS = test('of what runs, what waits behind it');
const REPLIES = test('every second reply lost');

/** Guards of the worker and of its way to the queue, each taken out by itself. */
export const WORKER_MUTATIONS: readonly Mutation[] = [
  // Locks.
  {
    what: 'heartbeat: runs at all',
    file: HEARTBEAT,
    find: '  schedule();\n\n  return {',
    put: '  return {',
    test: LOCKS,
  },
  {
    what: 'heartbeat: goes on after the first beat',
    file: HEARTBEAT,
    find: '      if (!stopped) schedule();\n',
    put: '',
    test: LOCKS,
  },
  {
    what: 'heartbeat: renews what runs',
    file: HEARTBEAT,
    find: '      ...running.map((attempt) => {',
    put: '      ...([] as typeof running).map((attempt) => {',
    test: LOCKS,
  },
  {
    what: 'heartbeat: renews what waits and what has ended',
    file: HEARTBEAT,
    find: '      ...[...waiting, ...ending].map((id) => ({ execution_id: id })),\n',
    put: '',
    test: LOCKS,
    survives:
      'What waits is handed back after half a lock, and what has ended is recorded within 200 ms: the lock outlasts both unless the database is away.',
  },
  {
    what: 'heartbeat: more often than the lock expires',
    file: HEARTBEAT,
    find: '(deps.lockSeconds * 1000) / BEATS_PER_LOCK',
    put: 'deps.lockSeconds * 1000 * BEATS_PER_LOCK',
    test: LOCKS,
  },
  {
    what: 'heartbeat: a lock that is gone stops the handler',
    file: HEARTBEAT,
    find: '          if (!item.held) gone.add(item.execution_id);\n',
    put: '',
    test: test('one that is gone stops the handler'),
  },
  {
    what: 'heartbeat: a cancel stops the handler',
    file: HEARTBEAT,
    find: '          if (item.cancel_requested) cancelled.add(item.execution_id);\n',
    put: '',
    test: test('a cancel reaches the handler'),
  },
  {
    what: 'heartbeat: a database that is away for a whole lock',
    file: HEARTBEAT,
    find: '      for (const item of items) gone.add(item.execution_id);\n',
    put: '',
    test: test('are taken for gone'),
  },
  {
    what: 'heartbeat: not taken for gone before that',
    file: HEARTBEAT,
    find: '      if (left > 0) return;\n',
    put: '',
    test: test('are taken for gone'),
  },
  {
    what: 'attempt: the timeout',
    file: ATTEMPT,
    find: '        seconds * 1000,\n',
    put: '        seconds * 1_000_000,\n',
    test: test('a job that runs longer than its timeout'),
  },
  {
    what: 'attempt: a handler that throws',
    file: ATTEMPT,
    find: "      return { outcome: 'failure', kind: 'error', message: describeError(error) };",
    put: '      throw error;',
    test: test('an error that it throws'),
  },
  {
    what: 'attempt: the handler is told',
    file: ATTEMPT,
    find: '    controller.abort(why);\n',
    put: '',
    test: test('stopped by the runner'),
  },
  {
    what: 'attempt: a handler that does not stop is left behind',
    file: ATTEMPT,
    find: '        ABANDON_AFTER_MS,\n',
    put: '        ABANDON_AFTER_MS * 1000,\n',
    test: test(''),
    survives:
      'It takes 30 s to show. A child process is killed long before, and at shutdown the worker waits 4 s at most.',
  },
  {
    what: 'attempt: the first reason to stop counts',
    file: ATTEMPT,
    find: '    if (reason) return;\n',
    put: '',
    test: test(''),
    survives: 'Only the words of the error differ: the database decides by cancel and fence.',
  },
  // What is recorded.
  {
    what: 'settle: a success counts whatever else happened',
    file: SETTLE,
    find: "  if (outcome.outcome === 'success') {",
    put: "  if (outcome.outcome === 'success' && ending.abortCause === null) {",
    test: test('a success counts'),
  },
  {
    what: 'settle: a shutdown hands back',
    file: SETTLE,
    find: "        outcome: 'release',\n",
    put: "        outcome: 'failure',\n",
    test: test('stopped by the runner'),
  },
  {
    what: 'settle: a timeout is called one',
    file: SETTLE,
    find: "        failure_kind: 'timeout',\n",
    put: '',
    test: test('a job that runs longer than its timeout'),
  },
  {
    what: 'settle: secrets are taken out of errors',
    file: SETTLE,
    find: 'keepStart(storableText(deps.redact(value)), bytes);\n  const shared',
    put: 'keepStart(storableText(value), bytes);\n  const shared',
    test: test('a text with a secret'),
  },
  {
    what: 'settle: secrets are taken out of results',
    file: SETTLE,
    find: 'storableJson(deps.redactJson(outcome.result))',
    put: 'storableJson(outcome.result)',
    test: ['test/e2e/custom.test.ts', 'a secret is masked in log'],
    bundle: true,
  },
  {
    what: 'settle: a result too large goes to a file',
    file: SETTLE,
    find: '    if (bytes <= MAX_RESULT_BYTES) {',
    put: '    if (bytes <= MAX_RESULT_BYTES * 100) {',
    test: test('a result is kept whole'),
  },
  {
    what: 'settle: errors have a limit',
    file: SETTLE,
    find: "        error: text(outcome.reason, MAX_ERROR_BYTES),\n        ...details(outcome.details),\n      });\n    case 'failure':",
    put: "        error: text(outcome.reason, 1e9),\n        ...details(outcome.details),\n      });\n    case 'failure':",
    test: test('an error of a megabyte'),
  },
  {
    what: 'settle: a delay that is asked for',
    file: SETTLE,
    find: '        ...(outcome.retryInSeconds === undefined ? {} : { delay_seconds: outcome.retryInSeconds }),\n',
    put: '',
    test: test('a delay that it asks for'),
  },
  {
    what: 'settle: a result that cannot be kept is a failure',
    file: WORKER,
    find: '      return await settle(ending, deps);\n    } catch (error) {',
    put: '      return await settle(ending, deps);\n    } catch (error) {\n      throw error;',
    test: test('a result is kept whole'),
  },
  {
    what: 'storable: NUL',
    file: STORABLE,
    find: ".replaceAll('\\0', '\\uFFFD')",
    put: '',
    test: test('a text with a secret'),
  },
  {
    what: 'storable: half a surrogate pair',
    file: STORABLE,
    find: 'text.toWellFormed()',
    put: 'text',
    test: test('a text with a secret'),
  },
  {
    what: 'recorder: one that is refused does not take the others with it',
    file: RECORDER,
    find: "    if (!(error instanceof QueueError) || error.code !== 'refused') throw error;\n    const answers",
    put: '    throw error;\n    const answers',
    test: test('one that the database refuses'),
  },
  {
    what: 'recorder: what is refused becomes a failure',
    file: RECORDER,
    find: "    if (!(error instanceof QueueError) || error.code !== 'refused') throw error;\n    const plain",
    put: '    throw error;\n    const plain',
    test: test('one that the database refuses'),
  },
  // The run.
  {
    what: 'worker: no more at once than its slots',
    file: WORKER,
    find: '    while (running.size < options.concurrency && stopCause',
    put: '    while (running.size < 99 && stopCause',
    test: test('takes no more jobs than it may'),
  },
  {
    what: 'worker: no more in all than it may',
    file: WORKER,
    find: 'options.maxJobs - claimed - asked;',
    put: 'Number.POSITIVE_INFINITY;',
    test: test('takes no more jobs than it may'),
  },
  {
    what: 'worker: nothing more when its time is over',
    file: WORKER,
    find: '      if (stopCause === null && deps.now() - started >= options.timeBudgetSeconds * 1000) {',
    put: '      if (false) {',
    test: test('when its time is over'),
  },
  {
    what: 'worker: hands back what it has not started when its time is over',
    file: WORKER,
    find: "        giveBack(() => true, 'Not started: the time budget of the run was over.');\n",
    put: '',
    test: test('when its time is over'),
  },
  {
    what: 'worker: stops what runs when the runner stops it',
    file: WORKER,
    find: "    for (const attempt of running.values()) attempt.stop(new AbortReason('shutdown', why));\n",
    put: '',
    test: test('stopped by the runner'),
  },
  {
    what: 'worker: hands back what runs on at the end',
    file: WORKER,
    find: '    for (const attempt of running.values()) handBack.push({ job: attempt.job, reason: why });\n',
    put: '',
    test: test('stopped by the runner: a handler that does not listen'),
  },
  {
    what: 'worker: records what ended at the end',
    file: WORKER,
    find: '      if (ended.length + handBack.length > 0) await exchange(0, SHUTDOWN_CALL);\n',
    put: '',
    test: test('stopped by the runner: what runs'),
  },
  {
    what: 'worker: asks for what an unanswered claim has taken',
    file: WORKER,
    find: '      for (const claim of unknownClaims) {\n',
    put: '      for (const claim of [] as ClaimRequest[]) {\n',
    test: test('stopped while a claim has been applied'),
  },
  {
    what: 'worker: hands back what a claim brings when the run is over',
    file: WORKER,
    find: "      if (stopCause !== null) handBack.push({ job, reason: 'Not started: the run was over.' });\n      else waiting",
    put: '      waiting',
    test: test('a claim that is answered when the run is over'),
  },
  {
    what: 'worker: what other requests ask for counts as its own',
    file: WORKER,
    find: '    asked += limit;\n',
    put: '',
    test: test('takes no more jobs than it may'),
  },
  {
    what: 'worker: starts nothing more once it is stopped',
    file: WORKER,
    find: " && stopCause !== 'signal' && stopCause !== 'error') {",
    put: ') {',
    test: test('stopped by the runner'),
    survives: 'What waits has been handed back by then, so there is nothing to start: a second safeguard.',
  },
  {
    what: 'worker: what could not be sent is kept',
    file: WORKER,
    find: '      ended = [...batch, ...ended];\n',
    put: '',
    test: test('stopped while the end of a job could not be recorded'),
  },
  {
    what: 'worker: hands back what waits for too long',
    file: WORKER,
    find: '      if (waiting[0] && waiting[0].claimedAt < staleBefore) {',
    put: '      if (false) {',
    test: test('hands back what waits behind a long job'),
  },
  {
    what: 'worker: does not take back at once what it hands back',
    file: WORKER,
    find: '        pace.stall();\n',
    put: '',
    test: test('hands back what waits behind a long job'),
  },
  {
    what: 'worker: a first call that fails is told',
    file: WORKER,
    find: '    } else if (!reached) {\n      throw error;\n',
    put: '',
    test: test('a first call that is refused'),
  },
  // The way to the queue.
  {
    what: 'rpc: sends again what may pass',
    file: RPC,
    find: '          error.retryable &&\n',
    put: '          false &&\n',
    test: REPLIES,
  },
  {
    what: 'rpc: a reply in another shape is no empty queue',
    file: RPC,
    find: '    if (parsed.success) return parsed.data;\n',
    put: '    if (parsed.success || data === null || Array.isArray(data)) return (parsed.data ?? { jobs: [], more: false, expired: 0 }) as T;\n',
    test: test('a first call that is refused'),
  },
  {
    what: 'queue: a claim has an id',
    file: QUEUE,
    find: '          request_id_param: request.requestId,\n',
    put: '',
    test: REPLIES,
  },
  {
    what: 'queue: a claim within a finish has an id',
    file: QUEUE,
    find: '            request_id: claim.requestId,\n',
    put: '',
    test: REPLIES,
  },
  {
    what: 'queue: a job has an id before it is sent',
    file: QUEUE,
    find: '{ items_param: jobs.map((job) => ({ ...job, job_id: job.job_id ?? newId() })) }',
    put: '{ items_param: jobs.map((job) => (newId(), { ...job })) }',
    test: ['test/e2e/lost-replies.test.ts', 'every second request'],
    bundle: true,
  },
  {
    what: 'errors: a network that fails may pass',
    file: ERRORS,
    find: "options.retryable ?? (code === 'unreachable' || code === 'unavailable')",
    put: "options.retryable ?? (code === 'unavailable')",
    test: REPLIES,
  },
  {
    what: 'errors: a gateway that fails may pass',
    file: ERRORS,
    find: '  if (status === 408 || status === 429 || status >= 500) {',
    put: '  if (status === 408) {',
    test: test('a server that is away for a moment'),
  },
];
