import { notesOf } from './changelog.ts';
import { isNewer, parseVersion, type Version } from './version.ts';

/** What the checkout and the repository say. */
export interface ReleaseState {
  /** Commit that would be released. */
  readonly commit: string;
  /** Versions that package.json, package-lock.json and src/version.ts name. */
  readonly versions: { readonly package: string; readonly lock: string; readonly source: string };
  readonly changelog: string;
  /** Every tag that begins with `v`, and the commit that it points to. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface ReleasePlan {
  readonly version: string;
  readonly tag: string;
  /** The release's text. */
  readonly notes: string;
  readonly prerelease: boolean;
  /** Tag of the major version (`v1`) to move to the commit; null when it stays: a prerelease, or a fix of an older one. */
  readonly majorTag: string | null;
  /** Whether GitHub shows it as the latest release. */
  readonly latest: boolean;
}

/**
 * What releasing this state means. Pure.
 * @throws Error that lists all that is in the way.
 */
export function planRelease({ commit, versions, changelog, tags }: ReleaseState): ReleasePlan {
  const faults: string[] = [];
  const version = parseVersion(versions.package);
  if (!version) {
    throw new Error(
      `package.json has version "${versions.package}", which is none. Use one such as 1.2.0 or 1.2.0-rc.1.`,
    );
  }
  for (const [file, found] of [
    ['package-lock.json', versions.lock],
    ['src/version.ts', versions.source],
  ] as const) {
    if (found !== version.text) faults.push(`${file} has version ${found}, package.json ${version.text}`);
  }
  const notes = notesOf(changelog, version.text);
  if (!notes) faults.push(`CHANGELOG.md says nothing of ${version.text}`);
  const tag = `v${version.text}`;
  const taken = tags[tag];
  if (taken !== undefined && taken !== commit) {
    faults.push(`${tag} is released already, from commit ${taken.slice(0, 12)}, and a release never changes`);
  }
  if (faults.length > 0) {
    throw new Error(
      `Version ${version.text} cannot be released: ${faults.join('; ')}. Prepare a version with: npm run release -- VERSION`,
    );
  }
  const released = Object.keys(tags)
    .filter((name) => name !== tag)
    .map((name) => parseVersion(name.slice(1)))
    .filter((other): other is Version => other !== undefined && !other.prerelease);
  const newest = (others: readonly Version[]): boolean =>
    !version.prerelease && !others.some((other) => isNewer(other, version));
  const sameMajor = released.filter((other) => other.numbers[0] === version.numbers[0]);
  return {
    version: version.text,
    tag,
    notes: notes ?? '',
    prerelease: version.prerelease,
    majorTag: newest(sameMajor) ? `v${version.numbers[0]}` : null,
    latest: newest(released),
  };
}
