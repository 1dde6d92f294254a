import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { count, duration, instant, plural, relative } from '../format.ts';
import { useLive } from '../live.ts';
import { Chart } from '../parts/chart.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { Table } from '../parts/table.tsx';
import { type SetQuery, useQuery } from '../query.ts';

type Data = Calls['overview']['output'];

/** How the queue is doing now and was doing lately, and what needs attention. */
export function Overview({ theme }: { theme: string }) {
  const [query, setQuery] = useQuery();
  const hours = query.get('hours') === '168' ? 168 : 24;
  const { data, error } = useLive(`overview ${hours}`, (signal) => call('overview', { hours }, signal));
  if (!data) return error ? <ErrorNotice text={error} /> : <Loading />;
  return (
    <>
      <ErrorNotice text={error} />
      <h1>Overview</h1>
      <Now counts={data.counts} wait={data.wait} />
      <section aria-labelledby="attention">
        <h2 id="attention">Needs attention</h2>
        <Attention items={data.attention} />
      </section>
      <section aria-labelledby="throughput">
        <div class="heading">
          <h2 id="throughput">Attempts</h2>
          <Period hours={hours} setQuery={setQuery} />
        </div>
        <Attempts series={data.series} theme={theme} />
      </section>
      <div class="columns">
        <section aria-labelledby="oldest">
          <h2 id="oldest">Oldest due</h2>
          <OldestDue lines={data.oldest_due} />
        </section>
        <section aria-labelledby="workers">
          <h2 id="workers">Workers seen</h2>
          <Workers workers={data.workers} />
          <p class="muted">
            {data.ticks.median_gap_seconds !== null &&
              `Scheduled runs came ${duration(data.ticks.median_gap_seconds)} apart (median of ${plural(data.ticks.count, 'run')}). `}
            About {plural(data.minutes_billed_estimate, 'minute')} billed by GitHub in this period: an
            estimate, each run rounded up.
          </p>
        </section>
      </div>
    </>
  );
}

function Now({ counts, wait }: Pick<Data, 'counts' | 'wait'>) {
  return (
    <section class="tiles" aria-label="Now">
      <Tile label="due" value={count(counts.due)} href="/jobs?state=due" />
      <Tile label="running" value={count(counts.running)} href="/jobs?state=running" />
      <Tile
        label="failed in 24 h"
        value={count(counts.failed_24h)}
        href="/jobs?status=failed"
        bad={counts.failed_24h > 0}
      />
      <Tile label="scheduled" value={count(counts.scheduled)} href="/jobs?state=scheduled" />
      <Tile label="blocked by a key" value={count(counts.blocked)} href="/jobs?state=blocked" />
      <Tile
        label="typical wait"
        value={duration(wait.p50_seconds)}
        note={`95 % within ${duration(wait.p95_seconds)}`}
      />
    </section>
  );
}

function Attention({ items }: { items: Data['attention'] }) {
  if (items.length === 0) return <p class="muted">Nothing: jobs are started, and none failed lately.</p>;
  return (
    <ul class="attention">
      {items.map((item) => (
        <li key={item.text} class={item.severity}>
          <span>{item.text}</span>
          {item.href && <a href={item.href}>{item.action}</a>}
        </li>
      ))}
    </ul>
  );
}

const Period = ({ hours, setQuery }: { hours: number; setQuery: SetQuery }) => (
  <div class="segments" role="group" aria-label="Period">
    {[24, 168].map((value) => (
      <button
        type="button"
        key={value}
        aria-pressed={hours === value}
        onClick={() => setQuery({ hours: value === 24 ? null : String(value) })}
      >
        {value === 24 ? '24 hours' : '7 days'}
      </button>
    ))}
  </div>
);

function Attempts({ series, theme }: { series: Data['series']; theme: string }) {
  const { points } = series;
  if (points.every((point) => point.succeeded + point.failed + point.retried === 0)) {
    return (
      <Empty title="No attempt ended in this period.">
        <p>
          Create a job, or start the workflow <em>Run jobs</em> on GitHub.
        </p>
      </Empty>
    );
  }
  return (
    <>
      <Chart
        label={`Ended attempts, each ${duration(series.step_seconds)}`}
        theme={theme}
        times={points.map((point) => Date.parse(point.at) / 1000)}
        series={[
          { label: 'succeeded', colour: '--good', values: points.map((point) => point.succeeded) },
          { label: 'to be retried', colour: '--warn', values: points.map((point) => point.retried) },
          { label: 'failed', colour: '--bad', values: points.map((point) => point.failed) },
        ]}
      />
      {series.cut_at && (
        <p class="muted">
          Counted from the newest 50,000 attempts, which go back to {instant(series.cut_at)}.
        </p>
      )}
    </>
  );
}

function OldestDue({ lines }: { lines: Data['oldest_due'] }) {
  if (lines.length === 0) return <p class="muted">No job is due.</p>;
  return (
    <Table
      rows={lines}
      keyOf={(line) => line.queue}
      columns={[
        {
          head: 'Queue',
          cell: ({ queue }) => <a href={`/jobs?queue=${encodeURIComponent(queue)}&state=due`}>{queue}</a>,
        },
        {
          head: 'Due',
          class: 'number',
          cell: (line) => `${count(line.due)}${line.due_is_capped ? '+' : ''}`,
        },
        { head: 'Oldest', class: 'number', cell: (line) => duration(line.oldest_due_seconds) },
      ]}
    />
  );
}

function Workers({ workers }: { workers: Data['workers'] }) {
  if (workers.length === 0) return <p class="muted">No worker has been seen yet.</p>;
  return (
    <Table
      rows={workers}
      keyOf={(worker) => worker.instance_id}
      columns={[
        {
          head: 'Worker',
          class: 'clip',
          cell: ({ run_url, instance_id }) =>
            run_url ? (
              <a href={run_url} rel="noreferrer" target="_blank">
                {instance_id}
              </a>
            ) : (
              instance_id
            ),
        },
        { head: 'Queues', cell: (worker) => worker.queues.join(', ') },
        { head: 'Claimed', class: 'number', cell: (worker) => count(worker.claimed) },
        {
          head: 'Last seen',
          title: (worker) => instant(worker.last_seen_at),
          cell: (worker) => relative(worker.last_seen_at),
        },
      ]}
    />
  );
}

function Tile(props: { label: string; value: string; href?: string; note?: string; bad?: boolean }) {
  const content = (
    <>
      <span class="tile-value">{props.value}</span>
      <span class="tile-label">{props.label}</span>
      {props.note && <span class="tile-note">{props.note}</span>}
    </>
  );
  const name = `tile${props.bad ? ' bad' : ''}`;
  return props.href ? (
    <a class={name} href={props.href}>
      {content}
    </a>
  ) : (
    <div class={name}>{content}</div>
  );
}
