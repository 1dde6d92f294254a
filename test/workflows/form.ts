import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../support/repository.ts';

const FIELDS: ReadonlySet<string> = new Set(
  Object.keys(
    parse(readFileSync(join(ROOT, '.github/workflows/manage-jobs.yml'), 'utf8')).on.workflow_dispatch.inputs,
  ),
);

/** Inputs of the action as the form of manage-jobs.yml takes them: those without a field of their own as JSON. */
export function formOf(inputs: Readonly<Record<string, string>>): Record<string, string> {
  const fields = Object.entries(inputs).filter(([name]) => FIELDS.has(name));
  const others = Object.entries(inputs).filter(([name]) => !FIELDS.has(name));
  return {
    ...Object.fromEntries(fields),
    ...(others.length > 0 && { more: JSON.stringify(Object.fromEntries(others)) }),
  };
}
