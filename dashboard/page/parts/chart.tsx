import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { Table } from './table.tsx';

export interface Series {
  readonly label: string;
  /** Name of the CSS variable that holds its colour. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const HEIGHT = 180;

interface ChartProps {
  readonly label: string;
  /** Seconds since 1970, one for each value. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly theme: string;
}

/** Bars over time. A table with the same numbers stands below it for those who cannot see it. */
export function Chart({ label, times, series, theme }: ChartProps) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const host = ref.current;
    return host && times.length > 0 ? draw(host, times, series) : undefined;
  }, [JSON.stringify([times, series]), theme]);
  return (
    <figure class="chart">
      <figcaption>{label}</figcaption>
      <div ref={ref} aria-hidden="true" />
      <details class="chart-data">
        <summary>Numbers</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={`${label}: numbers`}>
          <Table
            rows={times.map((time, index) => ({ time, index }))}
            keyOf={({ time }) => time}
            columns={[
              {
                head: 'From',
                cell: ({ time }) => new Date(time * 1000).toLocaleString('sv-SE').slice(0, 16),
              },
              ...series.map((one) => ({
                head: one.label,
                class: 'number',
                cell: ({ index }: { index: number }) => one.values[index] ?? 0,
              })),
            ]}
          />
        </div>
      </details>
    </figure>
  );
}

/** @returns removes the chart again */
function draw(host: HTMLElement, times: readonly number[], series: readonly Series[]): () => void {
  // Bars are drawn on top of each other: each is as high as it and all that come after it.
  const stacked = series.map((_one, from) =>
    times.map((_time, at) => series.slice(from).reduce((sum, one) => sum + (one.values[at] ?? 0), 0)),
  );
  const bars = uPlot.paths.bars?.({ size: [0.8, 40] });
  const line = { stroke: colour('--line') };
  const axis = { stroke: colour('--muted'), grid: line, ticks: line };
  const options: uPlot.Options = {
    width: host.clientWidth,
    height: HEIGHT,
    legend: { show: true, live: true },
    cursor: { y: false },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      axis,
      { ...axis, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5] },
    ],
    series: [
      {},
      ...series.map((one) => ({
        label: one.label,
        value: (_plot: uPlot, _raw: number, _index: number, at: number | null) =>
          at === null ? '–' : String(one.values[at] ?? 0),
        stroke: colour(one.colour),
        fill: colour(one.colour),
        ...(bars ? { paths: bars } : {}),
        points: { show: false },
      })),
    ],
  };
  const plot = new uPlot(options, [times as number[], ...stacked], host);
  const observer = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: HEIGHT }));
  observer.observe(host);
  return () => {
    observer.disconnect();
    plot.destroy();
  };
}
