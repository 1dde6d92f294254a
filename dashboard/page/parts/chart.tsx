import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface Series {
  readonly label: string;
  /** Name of the CSS variable that holds its colour. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
}

const colour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Bars over time. A table with the same numbers stands below it for those who cannot see it.
 * @param times seconds since 1970, one for each value
 */
export function Chart(props: {
  label: string;
  times: readonly number[];
  series: readonly Series[];
  theme: string;
}) {
  const ref = useRef<HTMLDivElement>(null);
  const { times, series } = props;
  const shape = JSON.stringify([times, series]);
  useEffect(() => {
    const host = ref.current;
    if (!host || times.length === 0) return;
    // Bars are drawn on top of each other: each is as high as it and all that come after it.
    const stacked = series.map((_one, from) =>
      times.map((_time, at) => series.slice(from).reduce((sum, one) => sum + (one.values[at] ?? 0), 0)),
    );
    const bars = uPlot.paths.bars?.({ size: [0.8, 40] });
    const axis = {
      stroke: colour('--muted'),
      grid: { stroke: colour('--line') },
      ticks: { stroke: colour('--line') },
    };
    const plot = new uPlot(
      {
        width: host.clientWidth,
        height: 180,
        legend: { show: true, live: true },
        cursor: { y: false },
        scales: { y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] } },
        axes: [
          axis,
          {
            ...axis,
            size: 48,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5],
          },
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
      },
      [times as number[], ...stacked],
      host,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: host.clientWidth, height: 180 }));
    observer.observe(host);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [shape, props.theme]);
  return (
    <figure class="chart">
      <figcaption>{props.label}</figcaption>
      <div ref={ref} aria-hidden="true" />
      <details class="chart-data">
        <summary>Numbers</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label={`${props.label}: numbers`}>
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                {series.map((one) => (
                  <th scope="col" class="number" key={one.label}>
                    {one.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, index) => (
                <tr key={time}>
                  <td>{new Date(time * 1000).toLocaleString('sv-SE').slice(0, 16)}</td>
                  {series.map((one) => (
                    <td class="number" key={one.label}>
                      {one.values[index] ?? 0}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}
