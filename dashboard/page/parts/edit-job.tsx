import { useState } from 'preact/hooks';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { Dialog } from './dialog.tsx';

type Changes = Calls['update']['input']['changes'];
type Job = NonNullable<Calls['job']['output']['job']>;

/** Changes the config, due time, priority, retries or schedule of a job that does not run. */
export function EditJob({ job, onClose, onDone }: { job: Job; onClose: () => void; onDone: () => void }) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => String(form.get(name) ?? '').trim();
    setBusy(true);
    setError(null);
    try {
      const changes: Changes = {
        config: JSON.parse(text('config')),
        priority: Number(text('priority')),
        max_retries: Number(text('max_retries')),
        ...(text('run_at') ? { run_at: new Date(text('run_at')).toISOString() } : {}),
        ...(job.schedule !== null ? { schedule: text('schedule'), timezone: text('timezone') } : {}),
      };
      await call('update', { job_id: job.job_id, changes });
      onDone();
      onClose();
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
  return (
    <Dialog title={`Edit ${job.name}`} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <label>
          Config (JSON)
          <textarea
            name="config"
            rows={8}
            spellcheck={false}
            defaultValue={JSON.stringify(job.config, null, 2)}
          />
        </label>
        <label>
          Due at (your time; empty keeps it)
          <input name="run_at" type="datetime-local" />
        </label>
        <label>
          Priority (smaller first)
          <input name="priority" type="number" min={-100} max={100} defaultValue={String(job.priority)} />
        </label>
        <label>
          Retries
          <input name="max_retries" type="number" min={0} max={100} defaultValue={String(job.max_retries)} />
        </label>
        {job.schedule !== null && (
          <>
            <label>
              Schedule
              <input name="schedule" defaultValue={job.schedule} />
            </label>
            <label>
              Time zone
              <input name="timezone" defaultValue={job.timezone ?? 'UTC'} />
            </label>
          </>
        )}
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <p class="actions">
          <button type="button" onClick={onClose}>
            Keep as is
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {busy ? 'Saving…' : 'Save'}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
