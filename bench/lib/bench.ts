import type { Result } from './result.ts';
import type { BenchStack } from './stack.ts';

export interface Context {
  readonly stack: BenchStack;
  /** A form of less than 2 minutes for all, to judge a change by. */
  readonly short: boolean;
  /** Tells people what is going on. */
  readonly log: (text: string) => void;
}

export interface Bench {
  readonly title: string;
  measure(context: Context): Promise<Omit<Result, 'bench' | 'title'>>;
}
