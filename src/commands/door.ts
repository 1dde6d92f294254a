/** How a door names things to whoever called, and hides what is secret. */
export interface Door {
  /** How an option is written here: `run-at` for the action, `--run-at` for a terminal. */
  readonly label: (name: string) => string;
  /** What an option is called here. */
  readonly noun: 'input' | 'option';
  /** Added where the url or key is missing: where it comes from at this door. */
  readonly missing: (name: 'supabase-url' | 'supabase-key') => string;
  /** Takes secrets out of values that errors quote. */
  readonly redact: (text: string) => string;
}

/** A value as errors show it: in quotes, cut, without secrets. */
export function quote(value: string, door: Door): string {
  const redacted = door.redact(value.trim());
  const letters = Array.from(redacted);
  return JSON.stringify(letters.length > 80 ? `${letters.slice(0, 80).join('')}…` : redacted);
}

/** `a`, `a and b`, `a, b and c`. */
export function join(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** The text with a full stop, where it has no end of its own. */
export function endSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
