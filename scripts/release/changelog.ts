/** Reads and writes CHANGELOG.md, in the form of Keep a Changelog. */

const UNRELEASED = '## [Unreleased]';

/** Text from one heading of the second level to the next, without the heading. Undefined when there is none. */
function section(text: string, starts: (heading: string) => boolean): string | undefined {
  const parts = text.split(/^(?=## )/m);
  const part = parts.find((candidate) => starts(candidate.split('\n', 1)[0] ?? ''));
  return part?.slice(part.indexOf('\n') + 1).trim();
}

/**
 * What the changelog says of a version.
 * @returns undefined when it has no dated heading for the version.
 */
export function notesOf(text: string, version: string): string | undefined {
  return section(
    text,
    (heading) =>
      heading.startsWith(`## [${version}] - `) && /^\d{4}-\d{2}-\d{2}$/.test(heading.split(' - ')[1] ?? ''),
  );
}

/**
 * Puts what is unreleased under a heading of its own, and leaves an empty "Unreleased" above it.
 * @param date of the release, `2026-12-24`.
 * @throws Error when nothing is unreleased or the version is there already.
 */
export function releaseChangelog(text: string, version: string, date: string): string {
  if (notesOf(text, version) !== undefined) throw new Error(`CHANGELOG.md has ${version} already.`);
  const notes = section(text, (heading) => heading === UNRELEASED);
  if (notes === undefined)
    throw new Error(`CHANGELOG.md has no "${UNRELEASED}". Add it above the newest version.`);
  if (!/^- /m.test(notes)) {
    throw new Error(`CHANGELOG.md says nothing under "${UNRELEASED}". Say there what is new in ${version}.`);
  }
  return text.replace(UNRELEASED, `${UNRELEASED}\n\n## [${version}] - ${date}`);
}
