import { useState } from 'preact/hooks';

/** Rows of a list or object that are shown before the rest is offered. */
const SHOWN = 100;

/** JSON as a tree that folds. Everything is text: nothing in a value becomes markup. */
export function Json({ value, open = true }: { value: unknown; open?: boolean }) {
  return (
    <div class="json">
      <Node value={value} open={open} depth={0} />
    </div>
  );
}

function Node({ value, open, depth }: { value: unknown; open: boolean; depth: number }) {
  const [shown, setShown] = useState(SHOWN);
  if (value === null || typeof value !== 'object') {
    return <span class={`json-${value === null ? 'null' : typeof value}`}>{JSON.stringify(value)}</span>;
  }
  const entries = Object.entries(value);
  const [start, end] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  if (entries.length === 0) return <span>{start + end}</span>;
  return (
    <details open={open && depth < 3}>
      <summary>
        {start} <span class="muted">{entries.length}</span> {end}
      </summary>
      <ul>
        {entries.slice(0, shown).map(([key, item]) => (
          <li key={key}>
            <span class="json-key">{key}</span>: <Node value={item} open={open} depth={depth + 1} />
          </li>
        ))}
        {entries.length > shown && (
          <li>
            <button type="button" class="link" onClick={() => setShown(shown + SHOWN * 10)}>
              {entries.length - shown} more
            </button>
          </li>
        )}
      </ul>
    </details>
  );
}
