import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMMANDS } from '../../src/commands/index.ts';
import { inputName } from '../../src/commands/naming.ts';

interface Type {
  readonly type: string;
  readonly separator?: string;
  readonly 'allowed-values'?: readonly string[];
  readonly 'list-item'?: Type;
}

const read = (path: string) => parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
const types: { inputs: Record<string, Type>; outputs: Record<string, Type> } = read('action-types.yml');
const action = read('action.yml');

/** Whether a command takes the value for this input. */
const fits = (name: string, value: string): boolean =>
  name === 'command'
    ? COMMANDS.some((command) => command.name === value)
    : COMMANDS.some(({ input }) =>
        Object.entries(input.shape).some(
          ([field, schema]) => inputName(field) === name && schema.safeParse(value).success,
        ),
      );

describe('action-types.yml', () => {
  it('has the inputs and outputs of action.yml, in the same order', () => {
    expect(Object.keys(types.inputs)).toEqual(Object.keys(action.inputs));
    expect(Object.keys(types.outputs)).toEqual(Object.keys(action.outputs));
  });

  it('allows what the code takes, and nothing that it refuses', () => {
    for (const [name, type] of Object.entries(types.inputs)) {
      const values = type['allowed-values'] ?? type['list-item']?.['allowed-values'];
      if (values) {
        for (const value of values) expect(fits(name, value), `${name}: ${value}`).toBe(true);
        expect(fits(name, 'nonsense'), name).toBe(false);
      }
      if (type.type === 'list')
        expect(fits(name, (values ?? ['a', 'b']).join(type.separator)), name).toBe(true);
      const takes = {
        boolean: fits(name, 'true') && fits(name, 'false') && !fits(name, '7'),
        // A limit also takes the word none, so it is a string.
        integer: fits(name, '1') && !fits(name, '1.5') && !fits(name, 'word') && !fits(name, 'none'),
        float: fits(name, '1') && fits(name, '1.5') && !fits(name, 'word') && !fits(name, 'none'),
      };
      const [kind] = Object.entries(takes).find(([, taken]) => taken) ?? ['other'];
      if (type.type in takes || kind !== 'other') expect(type.type, name).toBe(kind);
    }
  });
});
