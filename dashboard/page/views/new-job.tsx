import { useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { call } from '../api.ts';
import { ConfigField, Field, Form, runAt } from '../parts/form.tsx';

const EXAMPLES: Record<string, string> = {
  custom: '{\n  "handler": "report"\n}',
  maintenance: '{\n  "cleanup_days": 30,\n  "cleanup_executions": true\n}',
  paper_fetch: '{\n  "keywords": ["retrieval"],\n  "max_papers": 100\n}',
};

/** A form for a job, whose fields are the inputs of the command `create`. What is refused is shown at the form. */
export function NewJobForm() {
  const { route } = useLocation();
  const [type, setType] = useState('custom');
  const [config, setConfig] = useState(EXAMPLES.custom ?? '{}');
  const create = async (form: FormData): Promise<void> => {
    const texts = Object.fromEntries([...form].map(([name, value]) => [name, String(value)]));
    const due = runAt(texts['run-at'] ?? '').run_at ?? '';
    const reply = await call('create', { ...texts, 'run-at': due });
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
      <Form send={(_read, form) => create(form)} action="Create job" busyAction="Creating…" class="card-form">
        <Field name="name" label="Name" required maxLength={500} />
        <label>
          Type
          <select name="job-type" value={type} onChange={(event) => choose(event.currentTarget.value)}>
            <option value="custom">custom: a handler of your repository</option>
            <option value="maintenance">maintenance: prunes history</option>
            <option value="paper_fetch">paper_fetch: finds papers</option>
          </select>
        </label>
        <ConfigField value={config} onInput={(event) => setConfig(event.currentTarget.value)} />
        <Field name="queue" label="Queue" placeholder="default" />
        <Field name="run-at" label="Due at (your time; empty for now)" type="datetime-local" />
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
      <Field name="max-retries" label="Retries" type="number" min={0} max={100} placeholder="3" />
      <Field name="unique-key" label="Unique key" />
      <Field name="concurrency-key" label="Concurrency key" />
      <Field
        name="concurrency-limit"
        label="Jobs of the key at a time"
        type="number"
        min={1}
        max={1000}
        placeholder="1"
      />
      <Field name="timeout-minutes" label="Timeout in minutes" type="number" min={0.1} step="any" />
      <Field name="expires-in" label="Expires if not started within" placeholder="2h" />
    </div>
  </details>
);
