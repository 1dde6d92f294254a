import { useEffect, useState } from 'preact/hooks';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { count, instant } from '../format.ts';

type Rates = Calls['queueRates']['output'];

/** Hours change slowly, and counting them costs more than a look at the queues. */
const EVERY_MS = 60_000;
const HEIGHT = 24;
const BAR = 6;
const GAP = 2;

/** The attempts of each queue by hour; null until they are known, and if they cannot be read. */
export function useRates(): Rates | null {
  const [rates, setRates] = useState<Rates | null>(null);
  useEffect(() => {
    const ask = (): void => {
      if (!document.hidden) void call('queueRates', {}).then(setRates, () => {});
    };
    ask();
    const timer = setInterval(ask, EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return rates;
}

/** How much a queue did in each of the last 24 hours, one bar each. */
export function Rate({ queue, rates }: { queue: string; rates: Rates }) {
  const hours = rates.queues.find((one) => one.queue === queue)?.hours ?? [];
  const total = hours.reduce((sum, n) => sum + n, 0);
  if (total === 0) return <p class="muted">No attempts in the last 24 hours.</p>;
  const most = Math.max(...hours);
  const since =
    rates.cut_at === null ? 'in the last 24 hours' : `since ${instant(rates.cut_at)}, where counting stops`;
  return (
    <figure class="rate">
      <svg
        viewBox={`0 0 ${hours.length * (BAR + GAP)} ${HEIGHT}`}
        height={HEIGHT}
        role="img"
        aria-label={`Attempts by hour, oldest first: ${hours.join(', ')}`}
      >
        {hours.map((n, index) => {
          const height = n === 0 ? 1 : Math.max(2, (n / most) * HEIGHT);
          return <rect key={index} x={index * (BAR + GAP)} y={HEIGHT - height} width={BAR} height={height} />;
        })}
      </svg>
      <figcaption class="muted">
        {count(total)} attempts {since}, at most {count(most)} an hour
      </figcaption>
    </figure>
  );
}
