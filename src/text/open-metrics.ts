import type { MetricsReply } from '../queue/control-replies.ts';

/** The Content-Type of what `openMetrics` returns. */
export const OPEN_METRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

const STATES = ['due', 'scheduled', 'blocked', 'running', 'failed', 'disabled'] as const;

/** The state of the queue in the text format of OpenMetrics 1.0, which Prometheus reads. */
export function openMetrics(reply: MetricsReply): string {
  const window = `the last ${reply.window_seconds / 60} minutes`;
  return [
    ...family('jobs', 'gauge', 'Jobs by queue, type and state; each count stops at 10000.', [
      ...reply.jobs.flatMap((line) =>
        STATES.map((state) => sample('jobs', { ...laneOf(line), state }, line[state])),
      ),
    ]),
    ...family('oldest_due_seconds', 'gauge', 'How long the oldest due job has waited.', [
      ...reply.jobs.flatMap((line) =>
        line.oldest_due_seconds === null
          ? []
          : [sample('oldest_due_seconds', laneOf(line), line.oldest_due_seconds)],
      ),
    ]),
    ...family(
      'recent_attempts',
      'gauge',
      `Attempts that ended in ${window}, by outcome: success, or the kind of failure.`,
      reply.attempts.map((line) =>
        sample('recent_attempts', { ...laneOf(line), outcome: line.outcome }, line.count),
      ),
    ),
    ...histogram('wait', `From due to started, first attempts of ${window}.`, reply),
    ...histogram('run', `Duration of attempts of ${window}.`, reply),
    ...family(
      'recent_is_partial',
      'gauge',
      'Whether there were more recent attempts than the newest 50000, which are counted.',
      [sample('recent_is_partial', {}, Number(reply.is_partial))],
    ),
    ...family('queue_paused', 'gauge', 'Queues that are paused or cool down.', [
      ...reply.paused.map((queue) => sample('queue_paused', { queue }, 1)),
    ]),
    ...family('workers', 'gauge', 'Workers seen within the last two minutes.', [
      sample('workers', {}, reply.workers),
    ]),
    ...family('last_worker_seconds', 'gauge', 'How long ago a worker was last seen.', [
      ...(reply.last_worker_seconds === null
        ? []
        : [sample('last_worker_seconds', {}, reply.last_worker_seconds)]),
    ]),
    '# EOF',
    '',
  ].join('\n');
}

type Labels = Readonly<Record<string, string>>;
type Lane = { readonly queue: string; readonly job_type: string };

const laneOf = ({ queue, job_type }: Lane): Labels => ({ queue, job_type });

const family = (name: string, type: string, help: string, samples: readonly string[]): string[] => [
  `# TYPE cloud_jobs_${name} ${type}`,
  ...(name.endsWith('_seconds') ? [`# UNIT cloud_jobs_${name} seconds`] : []),
  `# HELP cloud_jobs_${name} ${help}`,
  ...samples,
];

function sample(name: string, labels: Labels, value: number): string {
  const inner = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
  return `cloud_jobs_${name}${inner.length > 0 ? `{${inner.join(',')}}` : ''} ${value}`;
}

const escaped = (text: string): string =>
  text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

/** A gauge histogram: it is of a window of time, so its buckets may fall as well as rise. */
function histogram(kind: 'wait' | 'run', help: string, { bounds, times }: MetricsReply): string[] {
  const name = `recent_${kind}_seconds`;
  const lanes = Map.groupBy(
    times.filter((line) => line.kind === kind),
    (line) => JSON.stringify(laneOf(line)),
  );
  const samples = [...lanes].flatMap(([key, lines]) => {
    const labels: Labels = JSON.parse(key);
    const upTo = (bucket: number): number =>
      lines.reduce((total, line) => (line.bucket <= bucket ? total + line.count : total), 0);
    const all = upTo(Number.POSITIVE_INFINITY);
    return [
      ...bounds[kind].map((bound, index) =>
        sample(`${name}_bucket`, { ...labels, le: bucketName(bound) }, upTo(index)),
      ),
      sample(`${name}_bucket`, { ...labels, le: '+Inf' }, all),
      sample(`${name}_gcount`, labels, all),
      sample(
        `${name}_gsum`,
        labels,
        lines.reduce((total, line) => total + line.sum, 0),
      ),
    ];
  });
  return family(name, 'gaugehistogram', help, samples);
}

/** OpenMetrics writes whole bounds with a point. */
const bucketName = (bound: number): string => (Number.isInteger(bound) ? bound.toFixed(1) : String(bound));
