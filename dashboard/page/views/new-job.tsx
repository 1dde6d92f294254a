import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { ConfigForm } from '../../server/config-form.ts';
import { call } from '../api.ts';
import { ConfigInputs, configOf, isOfConfig } from '../parts/config-form.tsx';
import { ConfigField, Field, Form, runAt } from '../parts/form.tsx';

const TYPES: Record<string, string> = {
  custom: 'a handler of your repository',
  maintenance: 'prunes history',
  paper_fetch: 'finds papers',
};
const EXAMPLES: Record<string, string> = {
  custom: '{\n  "handler": "report"\n}',
  maintenance: '{\n  "cleanup_days": 30,\n  "cleanup_executions": true\n}',
  paper_fetch: '{\n  "keywords": ["retrieval"],\n  "max_papers": 100\n}',
};

/** A form for a job, whose fields are the inputs of the command `create`. What is refused is shown at the form. */
export function NewJobForm() {
  const { route } = useLocation();
  const forms = useConfigForms();
  const [type, setType] = useState('custom');
  const [handler, setHandler] = useState<string | null>(null);
  const [asJson, setAsJson] = useState(false);
  const ofType = forms.filter((form) => form.type === type);
  const handlers = ofType.flatMap((form) => form.handler ?? []);
  const chosen = ofType.find((form) => form.handler === (handler ?? handlers[0] ?? null));
  const fields = asJson ? null : (chosen?.fields ?? null);
  const create = async (form: FormData): Promise<void> => {
    const given = [...form].filter(([name]) => !isOfConfig(name) && name !== 'handler');
    const texts = Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
    const config = chosen && fields ? JSON.stringify(configOf(chosen, form)) : (texts.config ?? '');
    const due = runAt(texts['run-at'] ?? '').run_at ?? '';
    const reply = await call('create', { ...texts, config, 'run-at': due });
    const created = reply.jobs[0];
    if (created) route(`/jobs/${encodeURIComponent(created.job_id)}`);
  };
  const choose = (next: string): void => {
    setType(next);
    setHandler(null);
  };
  const example = chosen?.handler ? JSON.stringify({ handler: chosen.handler }, null, 2) : EXAMPLES[type];
  return (
    <>
      <h1>New job</h1>
      <Form send={(_read, form) => create(form)} action="Create job" busyAction="Creating…" class="card-form">
        <Field name="name" label="Name" required maxLength={500} />
        <label>
          Type
          <select name="job-type" value={type} onChange={(event) => choose(event.currentTarget.value)}>
            {Object.entries(TYPES).map(([name, about]) => (
              <option key={name} value={name}>
                {name}: {about}
              </option>
            ))}
          </select>
        </label>
        {handlers.length > 0 && (
          <label>
            Handler
            <select
              name="handler"
              value={chosen?.handler ?? ''}
              onChange={(event) => setHandler(event.currentTarget.value)}
            >
              {handlers.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        {fields ? (
          <ConfigInputs key={`${type} ${chosen?.handler}`} fields={fields} />
        ) : (
          <ConfigField key={`${type} ${chosen?.handler}`} defaultValue={example} />
        )}
        {chosen?.fields && (
          <p>
            <button type="button" onClick={() => setAsJson(!asJson)}>
              {asJson ? 'Fill in a form' : 'Write JSON'}
            </button>
          </p>
        )}
        <Field name="queue" label="Queue" placeholder="default" />
        <Field name="run-at" label="Due at (your time; empty for now)" type="datetime-local" />
        <Field name="schedule" label="Schedule (cron; empty for once)" placeholder="30 6 * * mon-fri" />
        <Field name="timezone" label="Time zone of the schedule" placeholder="UTC" />
        <MoreFields />
      </Form>
    </>
  );
}

/** Empty until they are known, and if they cannot be read: a config can always be written as JSON. */
function useConfigForms(): readonly ConfigForm[] {
  const [forms, setForms] = useState<readonly ConfigForm[]>([]);
  useEffect(() => {
    call('configForms', {}).then(setForms, () => {});
  }, []);
  return forms;
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
