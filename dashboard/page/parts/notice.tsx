import type { ComponentChildren } from 'preact';

/** An error of a call, with the last good answer still on the page below it. */
export function ErrorNotice({ text }: { text: string | null }) {
  return text === null ? null : (
    <p class="notice bad" role="alert">
      {text}
    </p>
  );
}

/** What a list says when it is empty, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export const Loading = () => (
  <p class="muted" role="status">
    Loading…
  </p>
);
