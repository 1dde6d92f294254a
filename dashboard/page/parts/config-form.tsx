import type { ConfigField as Asked, ConfigForm } from '../../server/config-form.ts';
import { readJson } from './form.tsx';

/** Starts the names of these inputs, since the inputs of the job are in the same form. */
const PREFIX = 'config.';

/** Inputs for a config, made from the schema of its handler. */
export function ConfigInputs({ fields }: { fields: readonly Asked[] }) {
  return (
    <fieldset class="stack">
      <legend>Config</legend>
      {fields.map((field) => (
        <label key={field.name} for={PREFIX + field.name}>
          {field.name}
          {field.required ? '' : ' (optional)'}
          {field.about && <span class="muted"> {field.about}</span>}
          <Input field={field} />
        </label>
      ))}
      {fields.length === 0 && <p class="muted">This handler takes no config.</p>}
    </fieldset>
  );
}

function Input({ field }: { field: Asked }) {
  const { kind, choices, required } = field;
  const shared = { id: PREFIX + field.name, name: PREFIX + field.name, required };
  const standard = field.default === undefined ? '' : shown(field);
  switch (kind) {
    case 'boolean':
    case 'choice':
      return (
        <select {...shared}>
          <option value="">{standard === '' ? '' : `default: ${standard}`}</option>
          {(kind === 'boolean' ? ['true', 'false'] : choices).map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      );
    case 'number':
    case 'integer':
      return <input {...shared} type="number" step={kind === 'integer' ? 1 : 'any'} placeholder={standard} />;
    case 'text':
      return <input {...shared} placeholder={standard} />;
    case 'list':
      return <textarea {...shared} rows={3} placeholder={standard || 'one per line'} />;
    case 'json':
      return <textarea {...shared} rows={3} spellcheck={false} placeholder={standard || 'JSON'} />;
  }
}

function shown(field: Asked): string {
  const { default: value } = field;
  if (field.kind === 'list' && Array.isArray(value)) return value.join('\n');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * The config that the inputs hold; what is left empty is left out.
 * @throws Error that names an input whose text is not JSON
 */
export function configOf({ handler, fields }: ConfigForm, form: FormData): Record<string, unknown> {
  const config: Record<string, unknown> = handler === null ? {} : { handler };
  for (const { name, kind } of fields ?? []) {
    const text = String(form.get(PREFIX + name) ?? '');
    if (text.trim() !== '') config[name] = readInput(kind, text, name);
  }
  return config;
}

function readInput(kind: Asked['kind'], text: string, name: string): unknown {
  switch (kind) {
    case 'boolean':
      return text === 'true';
    case 'number':
    case 'integer':
      return Number(text);
    case 'list':
      return text
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '');
    case 'json':
      return readJson(text, name);
    default:
      return text;
  }
}

/** Whether a name of an input belongs to the config. */
export const isOfConfig = (name: string): boolean => name.startsWith(PREFIX);
