import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { Dialog } from './dialog.tsx';
import { ConfigField, Field, Form, type Read, readJson, runAt } from './form.tsx';

type Changes = Calls['update']['input']['changes'];
type Job = NonNullable<Calls['job']['output']['job']>;

/** Changes the config, due time, priority, retries or schedule of a job that does not run. */
export function EditJob({ job, onClose, onDone }: { job: Job; onClose: () => void; onDone: () => void }) {
  const save = async (read: Read): Promise<void> => {
    const changes: Changes = {
      config: readJson(read('config'), 'The config'),
      priority: Number(read('priority')),
      max_retries: Number(read('max_retries')),
      ...runAt(read('run_at')),
      ...(job.schedule !== null ? { schedule: read('schedule'), timezone: read('timezone') } : {}),
    };
    await call('update', { job_id: job.job_id, changes });
    onDone();
    onClose();
  };
  return (
    <Dialog title={`Edit ${job.name}`} onClose={onClose}>
      <Form send={save} action="Save" busyAction="Saving…" onCancel={onClose}>
        <ConfigField defaultValue={JSON.stringify(job.config, null, 2)} />
        <Field name="run_at" label="Due at (your time; empty keeps it)" type="datetime-local" />
        <Field
          name="priority"
          label="Priority (smaller first)"
          type="number"
          min={-100}
          max={100}
          defaultValue={String(job.priority)}
        />
        <Field
          name="max_retries"
          label="Retries"
          type="number"
          min={0}
          max={100}
          defaultValue={String(job.max_retries)}
        />
        {job.schedule !== null && (
          <>
            <Field name="schedule" label="Schedule" defaultValue={job.schedule} />
            <Field name="timezone" label="Time zone" defaultValue={job.timezone ?? 'UTC'} />
          </>
        )}
      </Form>
    </Dialog>
  );
}
