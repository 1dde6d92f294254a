import type { Calls } from '../server/calls.ts';

export type Filter = Calls['jobs']['input']['filter'];

/** Names of the filters in the URL; each is the name of a field of the filter as well. */
export const FILTERS = [
  'status',
  'state',
  'queue',
  'job_type',
  'name_contains',
  'handler',
  'error',
  'failure_kind',
  'config_contains',
  'created_after',
  'created_before',
] as const;

/** @throws SyntaxError if `config_contains` is not JSON */
export function filterOf(query: URLSearchParams): Filter {
  const filter: Record<string, unknown> = {};
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value === null || value === '') continue;
    filter[name] = name === 'config_contains' ? JSON.parse(value) : value;
  }
  for (const name of ['created_after', 'created_before']) {
    // The form gives local times without a zone.
    if (typeof filter[name] === 'string') filter[name] = new Date(filter[name]).toISOString();
  }
  return filter as Filter;
}
