import type { Json } from '../queue/types.ts';

const PLACEHOLDER = /\{config\.([^{}]*)\}/g;

/**
 * A key with values of the config in it: `customer:{config.customer_id}` becomes `customer:42`.
 * @throws Error that names the placeholder which the config does not fill
 */
export function keyFromConfig(key: string, config: { readonly [key: string]: Json }): string {
  return key.replace(PLACEHOLDER, (placeholder, path: string) => {
    const value = path
      .split('.')
      .reduce<Json | undefined>(
        (inner, name) => (isObject(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined),
        config,
      );
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return String(value);
    const what = value === undefined ? 'is not in the config' : 'is not a text, a number or true or false';
    throw new Error(`The key ${JSON.stringify(key)} cannot be made: ${placeholder} ${what}.`);
  });
}

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
