export interface Scenario {
  readonly name: string;
  /** The workflow's schedule, and its interval in minutes. */
  readonly cron: string;
  readonly everyMinutes: number;
  /** With sql/optional/wake.sql. */
  readonly wake: boolean;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: '`*/5`', cron: '3-59/5 * * * *', everyMinutes: 5, wake: false },
  { name: 'hourly', cron: '17 * * * *', everyMinutes: 60, wake: false },
  { name: 'hourly + wake', cron: '17 * * * *', everyMinutes: 60, wake: true },
  { name: 'every 6 hours + wake', cron: '17 */6 * * *', everyMinutes: 360, wake: true },
];

/** When the recurring jobs are due. There is one for each policy. */
export const SCHEDULE = '30 6,12,18 * * *';
export const POLICIES = ['once', 'skip', 'all'] as const;
/** How many jobs an application adds on a day, at random moments. */
export const ADDED_A_DAY = 6;
/** How long a job takes, in seconds: one that was added, and a recurring one. */
export const ADDED_TAKES = [5, 40] as const;
export const RECURRING_TAKES = 20;
