/** A version of Semantic Versioning without build metadata: `1.2.0`, `1.2.0-rc.1`. */
export interface Version {
  readonly text: string;
  readonly numbers: readonly [major: number, minor: number, patch: number];
  readonly prerelease: boolean;
}

/** Undefined when the text is no version. */
export function parseVersion(text: string): Version | undefined {
  const match =
    /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(?:0|[1-9]\d*|\d*[a-z-][\da-z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-z-][\da-z-]*))*)?$/i.exec(
      text,
    );
  if (!match) return undefined;
  return {
    text,
    numbers: [Number(match[1]), Number(match[2]), Number(match[3])],
    prerelease: match[4] !== undefined,
  };
}

/** Whether `a` is newer than `b`, by their three numbers alone. */
export function isNewer(a: Version, b: Version): boolean {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0;
    if (number !== other) return number > other;
  }
  return false;
}
