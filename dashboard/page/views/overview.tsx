import { call } from '../api.ts';
import { count, duration, instant, plural, relative } from '../format.ts';
import { useLive } from '../live.ts';
import { Chart } from '../parts/chart.tsx';
import { Empty, ErrorNotice, Loading } from '../parts/notice.tsx';
import { useQuery } from '../query.ts';

/** How the queue is doing now and was doing lately, and what needs attention. */
export function Overview({ theme }: { theme: string }) {
  const [query, setQuery] = useQuery();
  const hours = query.get('hours') === '168' ? 168 : 24;
  const { data, error } = useLive(`overview ${hours}`, (signal) => call('overview', { hours }, signal));
  if (!data) return error ? <ErrorNotice text={error} /> : <Loading />;
  const { counts, wait, series } = data;
  const seconds = (at: string): number => Date.parse(at) / 1000;
  return (
    <>
      <ErrorNotice text={error} />
      <h1>Overview</h1>
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

      <section aria-labelledby="attention">
        <h2 id="attention">Needs attention</h2>
        {data.attention.length === 0 ? (
          <p class="muted">Nothing: jobs are started, and none failed lately.</p>
        ) : (
          <ul class="attention">
            {data.attention.map((item) => (
              <li key={item.text} class={item.severity}>
                <span>{item.text}</span>
                {item.href && <a href={item.href}>{item.action}</a>}
              </li>
            ))}
          </ul>
        )}
      </section>

      <section aria-labelledby="throughput">
        <div class="heading">
          <h2 id="throughput">Attempts</h2>
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
        </div>
        {series.points.every((point) => point.succeeded + point.failed + point.retried === 0) ? (
          <Empty title="No attempt ended in this period.">
            <p>
              Create a job, or start the workflow <em>Run jobs</em> on GitHub.
            </p>
          </Empty>
        ) : (
          <Chart
            label={`Ended attempts, each ${duration(series.step_seconds)}`}
            theme={theme}
            times={series.points.map((point) => seconds(point.at))}
            series={[
              { label: 'succeeded', colour: '--good', values: series.points.map((point) => point.succeeded) },
              {
                label: 'to be retried',
                colour: '--warn',
                values: series.points.map((point) => point.retried),
              },
              { label: 'failed', colour: '--bad', values: series.points.map((point) => point.failed) },
            ]}
          />
        )}
        {series.cut_at && (
          <p class="muted">
            Counted from the newest 100,000 attempts, which go back to {instant(series.cut_at)}.
          </p>
        )}
      </section>

      <div class="columns">
        <section aria-labelledby="oldest">
          <h2 id="oldest">Oldest due</h2>
          {data.oldest_due.length === 0 ? (
            <p class="muted">No job is due.</p>
          ) : (
            <table>
              <thead>
                <tr>
                  <th scope="col">Queue</th>
                  <th scope="col" class="number">
                    Due
                  </th>
                  <th scope="col" class="number">
                    Oldest
                  </th>
                </tr>
              </thead>
              <tbody>
                {data.oldest_due.map((line) => (
                  <tr key={line.queue}>
                    <td>
                      <a href={`/jobs?queue=${encodeURIComponent(line.queue)}&state=due`}>{line.queue}</a>
                    </td>
                    <td class="number">
                      {count(line.due)}
                      {line.due_is_capped ? '+' : ''}
                    </td>
                    <td class="number">{duration(line.oldest_due_seconds)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
        <section aria-labelledby="workers">
          <h2 id="workers">Workers seen</h2>
          {data.workers.length === 0 ? (
            <p class="muted">No worker has come yet.</p>
          ) : (
            <table>
              <thead>
                <tr>
                  <th scope="col">Worker</th>
                  <th scope="col">Queues</th>
                  <th scope="col" class="number">
                    Claimed
                  </th>
                  <th scope="col">Last seen</th>
                </tr>
              </thead>
              <tbody>
                {data.workers.map((worker) => (
                  <tr key={worker.instance_id}>
                    <td class="clip">
                      {worker.run_url ? (
                        <a href={worker.run_url} rel="noreferrer" target="_blank">
                          {worker.instance_id}
                        </a>
                      ) : (
                        worker.instance_id
                      )}
                    </td>
                    <td>{worker.queues.join(', ')}</td>
                    <td class="number">{count(worker.claimed)}</td>
                    <td title={instant(worker.last_seen_at)}>{relative(worker.last_seen_at)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
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
