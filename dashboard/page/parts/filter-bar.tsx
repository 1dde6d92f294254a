import { useState } from 'preact/hooks';
import type { SetQuery } from '../query.ts';

const TEXTS = [
  ['name_contains', 'Name contains'],
  ['queue', 'Queue'],
  ['handler', 'Handler'],
  ['error', 'Error contains'],
] as const;
const MORE_TEXTS = [
  ['config_contains', 'Config contains (JSON)'],
  ['created_after', 'Created after'],
  ['created_before', 'Created before'],
] as const;
const STATES = ['due', 'scheduled', 'blocked', 'running'];
const KINDS = ['error', 'timeout', 'crashed', 'lost', 'discarded', 'cancelled', 'expired'];

/** The filters of a list of jobs. They are applied when a field is left or Enter is pressed. */
export function FilterBar({
  query,
  setQuery,
  suggestions,
}: {
  query: URLSearchParams;
  setQuery: SetQuery;
  /** Values that the browser offers, by field. */
  suggestions: Readonly<Record<string, readonly string[]>>;
}) {
  const [more, setMore] = useState(() =>
    [...MORE_TEXTS, ['job_type'], ['failure_kind']].some(([name]) => query.get(name ?? '')),
  );
  const field = ([name, label]: readonly [string, string]) => (
    <label key={name}>
      {label}
      <input
        name={name}
        {...(name.startsWith('created') ? { type: 'datetime-local' as const } : { type: 'search' as const })}
        value={query.get(name) ?? ''}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value })}
        {...(suggestions[name] && { list: `${name}-values` })}
      />
      {suggestions[name] && (
        <datalist id={`${name}-values`}>
          {suggestions[name].map((value) => (
            <option key={value} value={value} />
          ))}
        </datalist>
      )}
    </label>
  );
  const choice = (name: string, label: string, values: readonly string[]) => (
    <label key={name}>
      {label}
      <select
        name={name}
        value={query.get(name) ?? ''}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value })}
      >
        <option value="">any</option>
        {values.map((value) => (
          <option key={value} value={value}>
            {value}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <form
      class="filters"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        (document.activeElement as HTMLElement | null)?.blur();
      }}
    >
      {choice('state', 'State', STATES)}
      {TEXTS.map(field)}
      {more && choice('job_type', 'Type', ['custom', 'maintenance', 'paper_fetch'])}
      {more && choice('failure_kind', 'Last failure', KINDS)}
      {more && MORE_TEXTS.map(field)}
      <button type="button" class="link" aria-expanded={more} onClick={() => setMore(!more)}>
        {more ? 'Fewer filters' : 'More filters'}
      </button>
      <button type="submit" class="visually-hidden">
        Apply
      </button>
    </form>
  );
}
