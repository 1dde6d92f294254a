/** In a workflow, the runner takes `##[name]` anywhere in a line for a command. */
const COMMANDS = /#(?=[\p{M}\p{Default_Ignorable_Code_Point}]*\[)/gu;
/** What a terminal obeys, or hides, or turns the direction of text with; JSON.stringify escapes those below U+0020 alone. */
const UNSEEN = /[\u007f-\u009f\u2028\u2029\p{Cf}]/gu;

/** A value as JSON for people and programs: it parses to the same value, and is harmless to display. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSEEN, escaped).replace(COMMANDS, escaped);
}

const escaped = (text: string): string =>
  Array.from(
    { length: text.length },
    (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
