// The handler of every job in a fault run. What it does is written to a ledger outside the queue before the worker
// hears of it: one line at the start, one at the end. The clock of the ledger is the machine's, also where the worker's
// `Date` is wrong.
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

export default async (config, context) => {
  const write = (event) =>
    appendFileSync(
      process.env.CHAOS_LEDGER,
      `${JSON.stringify([event, context.job.job_id, context.job.execution_id, performance.timeOrigin + performance.now()])}\n`,
    );
  write('start');
  switch (config.do) {
    case 'sleep':
      // Does not look at its signal.
      await sleep(config.ms);
      break;
    case 'fail':
      throw new Error('planned: fails always');
    case 'flaky':
      if (context.attempt <= 1) throw new Error('planned: fails first');
      break;
    case 'snooze':
      if (Math.random() < 0.5) {
        write('done');
        return context.snooze({ minutes: 0.05 });
      }
      break;
    case 'discard':
      write('done');
      return context.discard('planned: discarded');
    case 'exit':
      process.exit(1);
      break;
    case 'reject':
      void Promise.reject(new Error('planned: nobody waits for this'));
      await sleep(60_000);
      break;
    case 'hang':
      for (;;);
    case 'oom': {
      setFlagsFromString('--max-old-space-size=48');
      const kept = [];
      for (;;) kept.push(new Array(100_000).fill(Math.random()));
    }
    case 'big':
      write('done');
      return { text: 'x'.repeat(300 * 1024) };
  }
  write('done');
  return { n: config.n };
};
