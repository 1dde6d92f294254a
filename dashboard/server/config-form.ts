import { z } from 'zod';
import type { TypeSchemas } from '../../src/handlers/job-type.ts';
import type { Json } from '../../src/queue/types.ts';

/** One input of the form for a config. */
export interface ConfigField {
  readonly name: string;
  /** `json` stands for everything that has no input of its own. */
  readonly kind: 'text' | 'number' | 'integer' | 'boolean' | 'choice' | 'list' | 'json';
  readonly choices: readonly string[];
  readonly about: string;
  readonly required: boolean;
  /** What the handler takes if nothing is given; undefined if that is not known. */
  readonly default?: Json;
}

/** What the form asks for a job type, or for one handler. */
export interface ConfigForm {
  readonly type: string;
  /** The value of the key `handler`; null for a job type whose configs have none. */
  readonly handler: string | null;
  /** Null if the schema is not known: the config is written as JSON. */
  readonly fields: readonly ConfigField[] | null;
}

/** The forms for the configs of all job types, and of the handlers that are on this machine. */
export const configForms = (schemas: readonly TypeSchemas[]): readonly ConfigForm[] =>
  schemas.flatMap(({ type, configs }) =>
    configs.map(({ handler, schema }) => ({ type, handler, fields: fieldsOf(schema) })),
  );

/** Takes null out of a union: in a form, an empty input stands for it. */
function withoutNull(schema: unknown): unknown {
  const { anyOf, type, ...rest } = Object(schema) as { anyOf?: unknown; type?: unknown };
  const types = Array.isArray(type) ? type.map((one) => ({ type: one })) : anyOf;
  if (!Array.isArray(types)) return schema;
  const others = types.filter((one) => one?.type !== 'null');
  return others.length === 1 ? { ...others[0], ...rest } : schema;
}

const property = z.preprocess(
  withoutNull,
  z.object({
    type: z.string().optional().catch(undefined),
    enum: z.array(z.string()).optional().catch(undefined),
    items: z.object({ type: z.string().optional() }).optional().catch(undefined),
    title: z.string().optional().catch(undefined),
    description: z.string().optional().catch(undefined),
    default: z.json().optional(),
  }),
);
const objectSchema = z.object({
  type: z.literal('object'),
  properties: z.record(z.string(), property),
  required: z.array(z.string()).default([]),
});

/** The inputs for the properties of a JSON Schema; null if it is not one of an object with properties. */
export function fieldsOf(schema: Json): readonly ConfigField[] | null {
  const read = objectSchema.safeParse(schema);
  if (!read.success) return null;
  return Object.entries(read.data.properties).map(([name, one]) => ({
    name,
    kind: kindOf(one),
    choices: one.enum ?? [],
    about: one.description ?? one.title ?? '',
    required: read.data.required.includes(name) && one.default === undefined,
    ...(one.default !== undefined && { default: one.default }),
  }));
}

function kindOf({
  type,
  items,
  enum: choices,
  default: value,
}: z.output<typeof property>): ConfigField['kind'] {
  if (choices !== undefined) return 'choice';
  if (type === 'string') return 'text';
  if (type === 'number' || type === 'integer' || type === 'boolean') return type;
  const isList = type === 'array' ? items?.type === 'string' : type === undefined && Array.isArray(value);
  return isList ? 'list' : 'json';
}
