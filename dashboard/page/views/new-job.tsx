import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { ConfigField, Field, Form, type Read, readConfig, runAt } from '../parts/form.tsx';

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
  const create = async (read: Read): Promise<void> => {
    const reply = await call('create', newJob(read));
    const created = reply.jobs[0];
    if (created) route(`/jobs/${encodeURIComponent(created.job_id)}`);
  };
  const choose = (next: string): void => {
    setType(next);
    setConfig(EXAMPLES[next] ?? '{}');
  };
  return (
    <>
      <h1>New job</h1>
      <Form send={create} action="Create job" busyAction="Creating…" class="card-form">
        <Field name="name" label="Name" required maxLength={500} />
        <label>
          Type
          <select name="job_type" value={type} onChange={(event) => choose(event.currentTarget.value)}>
            <option value="custom">custom: a handler of your repository</option>
            <option value="maintenance">maintenance: prunes history</option>
            <option value="paper_fetch">paper_fetch: finds papers</option>
          </select>
        </label>
        <ConfigField value={config} onInput={(event) => setConfig(event.currentTarget.value)} />
        <Field name="queue" label="Queue" placeholder="default" />
        <Field name="run_at" label="Due at (your time; empty for now)" type="datetime-local" />
        <Field name="schedule" label="Schedule (cron; empty for once)" placeholder="30 6 * * mon-fri" />
        <Field name="timezone" label="Time zone of the schedule" placeholder="UTC" />
        <MoreFields />
      </Form>
    </>
  );
}

const MoreFields = () => (
  <details>
    <summary>More</summary>
    <div class="stack">
      <Field
        name="priority"
        label="Priority (smaller first)"
        type="number"
        min={-100}
        max={100}
        placeholder="0"
      />
      <Field name="max_retries" label="Retries" type="number" min={0} max={100} placeholder="3" />
      <Field name="unique_key" label="Unique key" />
      <Field name="concurrency_key" label="Concurrency key" />
    </div>
  </details>
);

function newJob(read: Read): NewJob {
  return {
    name: read('name'),
    job_type: read('job_type'),
    config: readConfig(read('config')),
    queue: read('queue') || 'default',
    priority: Number(read('priority') || 0),
    max_retries: Number(read('max_retries') || 3),
    ...runAt(read('run_at')),
    ...(read('schedule') ? { schedule: read('schedule'), timezone: read('timezone') || 'UTC' } : {}),
    ...(read('unique_key') ? { unique_key: read('unique_key') } : {}),
    ...(read('concurrency_key') ? { concurrency_key: read('concurrency_key') } : {}),
  } as NewJob;
}
