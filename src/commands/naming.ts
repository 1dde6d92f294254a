/** How a host names inputs in its messages, and hides secrets. */
export interface InputNaming {
  /** How an input is written: `` `run-at` `` for the action, `--run-at` in a terminal. */
  readonly label: (name: string) => string;
  /** What an input is called. */
  readonly noun: 'input' | 'option';
  /** Where the URL or the key comes from, for the error that one is missing. */
  readonly missing: (name: 'supabase-url' | 'supabase-key') => string;
  /** Takes secrets out of values that errors quote. */
  readonly redact: (text: string) => string;
}

/** The name of an input from the name of its field: `runAt` is `run-at`. */
export const inputName = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** A text of ours with each input that it names in backticks written as the host writes it. */
export const labelled = (text: string, naming: Pick<InputNaming, 'label'>): string =>
  text.replace(/`([a-z]+(?:-[a-z]+)*)`/g, (_, name: string) => naming.label(name));

/** A value as errors show it: in quotes, cut, without secrets. */
export function quote(value: string, naming: InputNaming): string {
  const redacted = naming.redact(value.trim());
  const letters = Array.from(redacted);
  return JSON.stringify(letters.length > 80 ? `${letters.slice(0, 80).join('')}…` : redacted);
}

/** `a`, `a and b`, `a, b and c`. */
export function join(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** The text with a full stop, unless it has an end of its own. */
export function endSentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}
