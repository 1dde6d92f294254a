/**
 * Reads an exchange rate and says when it is above a limit. Needs `npm install zod` in the repository.
 *
 *   config: {"handler": "rate-alert", "from": "EUR", "to": "USD", "above": 1.2}
 */
import { defineHandler } from 'cloud-jobs';
import * as z from 'zod';

const Config = z.strictObject({
  from: z.string().length(3),
  to: z.string().length(3),
  above: z.number().positive(),
  /** Another service with the same answers. */
  api: z.url().default('https://api.frankfurter.dev/v1/latest'),
});

const Answer = z.object({ date: z.string(), rates: z.record(z.string(), z.number()) });

export default defineHandler({
  // Checked before each run: `run` never sees a config that does not fit.
  config: Config,
  async run({ from, to, above, api }, { signal, discard, log }) {
    const url = new URL(api);
    url.search = new URLSearchParams({ base: from, symbols: to }).toString();
    const response = await fetch(url, { signal });
    // No retry makes an unknown currency known.
    if (response.status === 404) return discard(`there is no rate from ${from} to ${to}`);
    // Anything else that goes wrong is thrown, and the job is tried again later.
    if (!response.ok) throw new Error(`the rates answered HTTP ${response.status}`);
    const { date, rates } = Answer.parse(await response.json());
    const rate = rates[to];
    if (rate === undefined) return discard(`there is no rate from ${from} to ${to}`);
    if (rate > above) log.warn(`1 ${from} is ${rate} ${to}, above ${above}`);
    return { date, rate, alert: rate > above };
  },
});
