/** What `make` gives, made at the first call. A chunk of the bundle that no run needs is then not loaded. */
export function lazy<Value>(
  make: () => Promise<Value>,
): (() => Promise<Value>) & { readonly made: () => Promise<Value> | undefined } {
  let value: Promise<Value> | undefined;
  const get = (): Promise<Value> => {
    value ??= make();
    return value;
  };
  return Object.assign(get, { made: () => value });
}
