import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';

type NewJob = Calls['create']['input'];

const EXAMPLES: Record<string, string> = {
  custom: '{\n  "handler": "report"\n}',
  maintenance: '{\n  "cleanup_days": 30,\n  "cleanup_executions": true\n}',
  paper_fetch: '{\n  "keywords": ["retrieval"],\n  "max_papers": 100\n}',
};

/** A form for a job. The database checks it again; what it refuses is shown at the form. */
export function NewJobForm() {
  const { route } = useLocation();
  const [type, setType] = useState('custom');
  const [config, setConfig] = useState(EXAMPLES.custom ?? '{}');
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => String(form.get(name) ?? '').trim();
    setBusy(true);
    setError(null);
    try {
      const job = {
        name: text('name'),
        job_type: type,
        config: JSON.parse(config),
        queue: text('queue') || 'default',
        priority: Number(text('priority') || 0),
        max_retries: Number(text('max_retries') || 3),
        ...(text('run_at') ? { run_at: new Date(text('run_at')).toISOString() } : {}),
        ...(text('schedule') ? { schedule: text('schedule'), timezone: text('timezone') || 'UTC' } : {}),
        ...(text('unique_key') ? { unique_key: text('unique_key') } : {}),
        ...(text('concurrency_key') ? { concurrency_key: text('concurrency_key') } : {}),
      } as NewJob;
      const reply = await call('create', job);
      const created = reply.jobs[0];
      if (created) route(`/jobs/${encodeURIComponent(created.job_id)}`);
    } catch (cause) {
      setError(
        cause instanceof SyntaxError
          ? `The config is not JSON: ${cause.message}`
          : cause instanceof Error
            ? cause.message
            : String(cause),
      );
      setBusy(false);
    }
  };
  const field = (name: string, label: string, props: Record<string, unknown> = {}) => (
    <label>
      {label}
      <input name={name} {...props} />
    </label>
  );
  return (
    <>
      <h1>New job</h1>
      <form class="stack card-form" onSubmit={submit}>
        {field('name', 'Name', { required: true, maxLength: 500 })}
        <label>
          Type
          <select
            name="job_type"
            value={type}
            onChange={(event) => {
              setType(event.currentTarget.value);
              setConfig(EXAMPLES[event.currentTarget.value] ?? '{}');
            }}
          >
            <option value="custom">custom: a handler of your repository</option>
            <option value="maintenance">maintenance: prunes history</option>
            <option value="paper_fetch">paper_fetch: finds papers</option>
          </select>
        </label>
        <label>
          Config (JSON)
          <textarea
            name="config"
            rows={7}
            spellcheck={false}
            value={config}
            onInput={(event) => setConfig(event.currentTarget.value)}
          />
        </label>
        {field('queue', 'Queue', { placeholder: 'default' })}
        {field('run_at', 'Due at (your time; empty for now)', { type: 'datetime-local' })}
        {field('schedule', 'Schedule (cron; empty for once)', { placeholder: '30 6 * * mon-fri' })}
        {field('timezone', 'Time zone of the schedule', { placeholder: 'UTC' })}
        <details>
          <summary>More</summary>
          <div class="stack">
            {field('priority', 'Priority (smaller first)', {
              type: 'number',
              min: -100,
              max: 100,
              placeholder: '0',
            })}
            {field('max_retries', 'Retries', { type: 'number', min: 0, max: 100, placeholder: '3' })}
            {field('unique_key', 'Unique key')}
            {field('concurrency_key', 'Concurrency key')}
          </div>
        </details>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <p class="actions">
          <button type="submit" class="primary" disabled={busy}>
            {busy ? 'Creating…' : 'Create job'}
          </button>
        </p>
      </form>
    </>
  );
}
