import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of a file of the package: three folders up in a clone, and one more from `lib/`. */
export function packageFile(path: string): string {
  const places = ['../../../', '../../../../'].map((up) =>
    fileURLToPath(new URL(up + path, import.meta.url)),
  );
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new Error(`The file ${path} is not in this installation of cloud-jobs.`);
  return found;
}
