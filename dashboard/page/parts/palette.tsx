import { useEffect, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import { Dialog } from './dialog.tsx';

/** Where the palette and the keys `g` + letter lead. */
export const PLACES = [
  { key: 'o', label: 'Overview', path: '/' },
  { key: 'j', label: 'Jobs', path: '/jobs' },
  { key: 'f', label: 'Failed jobs', path: '/jobs?status=failed' },
  { key: 'r', label: 'Recurring', path: '/recurring' },
  { key: 'q', label: 'Queues', path: '/queues' },
  { key: 'p', label: 'Papers', path: '/papers' },
  { key: 'n', label: 'New job', path: '/new' },
] as const;

/** The keyboard shortcuts: `/`, `?`, Ctrl-K or Cmd-K, and `g` with the letter of a place. */
function useShortcuts(openPalette: () => void, route: (path: string) => void): void {
  useEffect(() => {
    let afterG = 0;
    const onKey = (event: KeyboardEvent): void => {
      const hasControl = event.ctrlKey || event.metaKey;
      const isTyping = (event.target as HTMLElement).closest('input, textarea, select, dialog');
      if (hasControl && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        openPalette();
      } else if (hasControl || event.altKey || isTyping) {
        // Not for the page.
      } else if (event.key === '/') {
        const field = document.querySelector<HTMLElement>('[role=search] input');
        if (field) event.preventDefault();
        field?.focus();
      } else if (event.key === '?') {
        openPalette();
      } else if (event.key === 'g') {
        afterG = Date.now();
      } else if (Date.now() - afterG < 1500) {
        const place = PLACES.find(({ key }) => key === event.key);
        if (place) route(place.path);
        afterG = 0;
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [route]);
}

/** The command palette: goes to a page, or to the jobs with a name. */
export function Palette() {
  const { route } = useLocation();
  const [open, setOpen] = useState(false);
  const [text, setText] = useState('');
  const openPalette = (): void => {
    setText('');
    setOpen(true);
  };
  useShortcuts(openPalette, route);
  if (!open) return null;
  const wanted = text.trim().toLowerCase();
  const byName = `/jobs?name_contains=${encodeURIComponent(text.trim())}`;
  const found = PLACES.filter(({ label }) => label.toLowerCase().includes(wanted));
  const go = (path: string): void => {
    setOpen(false);
    route(path);
  };
  return (
    <Dialog title="Go to" onClose={() => setOpen(false)}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          go(found[0]?.path ?? byName);
        }}
      >
        <input
          aria-label="Page, or name of a job"
          placeholder="Page, or name of a job"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <ul class="palette">
          {found.map(({ key, label, path }) => (
            <li key={key}>
              <button type="button" onClick={() => go(path)}>
                {label} <kbd>g {key}</kbd>
              </button>
            </li>
          ))}
          {wanted !== '' && (
            <li>
              <button type="button" onClick={() => go(byName)}>
                Jobs whose name contains “{text.trim()}”
              </button>
            </li>
          )}
        </ul>
        <p class="muted">
          <kbd>/</kbd> focuses the filters, <kbd>Ctrl K</kbd> or <kbd>?</kbd> opens this.
        </p>
      </form>
    </Dialog>
  );
}
