import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** A modal dialog of the browser, which keeps the focus inside and closes on Escape. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    ref.current?.showModal();
  }, []);
  return (
    <dialog ref={ref} onClose={props.onClose} aria-labelledby="dialog-title">
      <h2 id="dialog-title">{props.title}</h2>
      {props.children}
    </dialog>
  );
}

/** Asks before something is done, shows that it is under way, and what went wrong if it did. */
export function Confirm(props: {
  title: string;
  action: string;
  danger?: boolean;
  onConfirm: () => Promise<void>;
  onClose: () => void;
  children?: ComponentChildren;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const run = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await props.onConfirm();
      props.onClose();
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      {props.children}
      {error && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      <p class="actions">
        <button type="button" onClick={props.onClose} disabled={busy}>
          Keep as is
        </button>
        <button type="button" class={props.danger ? 'danger' : 'primary'} onClick={run} disabled={busy}>
          {busy ? 'Working…' : props.action}
        </button>
      </p>
    </Dialog>
  );
}
