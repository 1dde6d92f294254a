/** One thing that doctor looked at. */
export interface Check {
  readonly name: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly found: string;
  /** Empty if there is nothing to do. */
  readonly advice: string;
}

export const good = (name: string, found: string): Check => ({ name, state: 'good', found, advice: '' });
export const warning = (name: string, found: string, advice: string): Check => ({
  name,
  state: 'warning',
  found,
  advice,
});
export const bad = (name: string, found: string, advice: string): Check => ({
  name,
  state: 'bad',
  found,
  advice,
});
