type Init = Iterable<readonly [string, string]> | Readonly<Record<string, string>> | null | undefined;

/**
 * What the client of Supabase uses of `Headers`: a list of names, small or large letters alike, with a text each.
 */
export class LightHeaders {
  readonly #values = new Map<string, string>();

  constructor(init?: Init) {
    if (!init) return;
    const entries =
      Symbol.iterator in init ? (init as Iterable<readonly [string, string]>) : Object.entries(init);
    for (const [name, value] of entries) this.append(name, value);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), String(value));
  }

  append(name: string, value: string): void {
    const before = this.get(name);
    this.set(name, before === null ? value : `${before}, ${value}`);
  }

  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }

  forEach(each: (value: string, name: string) => void): void {
    for (const [name, value] of this) each(value, name);
  }

  *[Symbol.iterator](): IterableIterator<[string, string]> {
    yield* this.#values;
  }
}
