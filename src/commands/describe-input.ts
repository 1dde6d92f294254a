import type { z } from 'zod';
import { type FieldKind, fieldKinds } from './fields.ts';

/** What the generated pages and `--help` say about a field, read out of its schema. */

type Wrapper = { readonly type: string; readonly innerType?: z.ZodType; readonly defaultValue?: unknown };
const defOf = (schema: z.ZodType): Wrapper => schema._zod.def as Wrapper;

/** The kind of a field, from the schema inside of what makes it optional or gives it a default. */
export function kindOf(schema: z.ZodType): FieldKind {
  const kind = fieldKinds.get(schema);
  if (kind !== undefined) return kind;
  const inner = defOf(schema).innerType;
  return inner === undefined ? { type: 'string' } : kindOf(inner);
}

/** The text that stands for a field that is not given; null if it is required, or has no default to show. */
export function defaultOf(schema: z.ZodType): string | null {
  const { type, defaultValue, innerType } = defOf(schema);
  if (type === 'prefault') return String(defaultValue);
  return innerType === undefined ? null : defaultOf(innerType);
}

/** The description of a field with its default as the last sentence. */
export function withDefault(schema: z.ZodType): string {
  const value = defaultOf(schema);
  return `${schema.description ?? ''}${value === null || value === '' ? '' : ` Default: ${value}.`}`;
}
