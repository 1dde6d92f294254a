import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { messageOf } from '../../../src/text/describe-error.ts';
import { ErrorNotice } from './notice.tsx';

/** Reads a field of a form: its text without blanks around it, or an empty text. */
export type Read = (name: string) => string;

/** A form that shows why it was refused. It stays busy once `send` is done, since its page or dialog then goes away. */
export function Form(props: {
  send: (read: Read, form: FormData) => Promise<void>;
  action: string;
  busyAction?: string;
  class?: string;
  onCancel?: () => void;
  children: ComponentChildren;
}) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(null);
    try {
      await props.send((name) => String(form.get(name) ?? '').trim(), form);
    } catch (cause) {
      setError(messageOf(cause));
      setBusy(false);
    }
  };
  return (
    <form class={`stack ${props.class ?? ''}`} onSubmit={submit}>
      {props.children}
      <ErrorNotice text={error} />
      <p class="actions">
        {props.onCancel && (
          <button type="button" onClick={props.onCancel}>
            Keep as is
          </button>
        )}
        <button type="submit" class="primary" disabled={busy}>
          {busy && props.busyAction ? props.busyAction : props.action}
        </button>
      </p>
    </form>
  );
}

export function Field({ label, ...input }: { label: string } & JSX.IntrinsicElements['input']) {
  return (
    <label>
      {label}
      <input {...input} />
    </label>
  );
}

export function ConfigField(props: JSX.IntrinsicElements['textarea']) {
  return (
    <label>
      Config (JSON)
      <textarea name="config" rows={8} spellcheck={false} {...props} />
    </label>
  );
}

/** @param what names the text in the error. @throws Error if it is not JSON */
export function readJson(text: string, what: string) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} is not JSON: ${messageOf(error)}`);
  }
}

/** A local time of a form with its zone, as a part of a request; nothing if the field is empty. */
export const runAt = (local: string): { run_at?: string } =>
  local === '' ? {} : { run_at: new Date(local).toISOString() };
