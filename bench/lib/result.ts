/** One measured thing: a value for each round. */
export interface Row {
  readonly label: string;
  /** Of the values: `jobs/s`, `ms`, `MiB`, ... */
  readonly unit: string;
  readonly values: readonly number[];
  /** CPU by process, sizes and the like, of the median round or of all: for people. */
  readonly beside?: string;
}

export interface Goal {
  readonly text: string;
  readonly value: number;
  readonly limit: number;
  /** Whether the limit is the least (`at least`) or the most. */
  readonly sense: 'at least' | 'at most';
}

export interface Result {
  readonly bench: string;
  readonly title: string;
  readonly rows: readonly Row[];
  readonly goals: readonly Goal[];
  readonly notes?: readonly string[];
  /** Long texts, such as plans: in the JSON alone. */
  readonly texts?: Readonly<Record<string, string>>;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly node: string;
  readonly postgres: string;
  readonly system: string;
}

export interface Report {
  /** ISO 8601, when the run began. */
  readonly date: string;
  readonly size: 'whole' | 'short';
  readonly machine: Machine;
  readonly seconds: number;
  readonly results: readonly Result[];
}

export const isMet = (goal: Goal): boolean =>
  goal.sense === 'at least' ? goal.value >= goal.limit : goal.value <= goal.limit;
