/** One deliberate fault and the test that must notice it. */
export interface Mutation {
  /** What is taken away or broken. */
  readonly what: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly put: string;
  /** File and name (or a part of the name) of the test that fails by it. */
  readonly test: readonly [file: string, name: string];
  /** Tests that drive dist/ need it built anew. */
  readonly bundle?: true;
  /** Why no test can notice it, or why that is not worth one. */
  readonly survives?: string;
}
