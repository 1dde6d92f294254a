/**
 * Releases what is checked out: an immutable release with its tag and files, then the major tag moved to it. Made for
 * the workflow "Release". Can be run again after a failure: what is done is left as it is.
 *
 *     node scripts/release/publish.ts [--assets FOLDER] [--dry-run true|false]
 *
 * Reads GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL. A dry run without a token asks git for the tags.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readCheckout, readLocalTags } from './checkout.ts';
import { type GitHub, openGitHub } from './github.ts';
import { planRelease, type ReleasePlan } from './plan.ts';

const { values } = parseArgs({
  options: { assets: { type: 'string' }, 'dry-run': { type: 'string', default: 'true' } },
});
const say = (text: string): void => console.log(text);

function show(plan: ReleasePlan, commit: string, assets: readonly string[]): void {
  say(`Version ${plan.version}${plan.prerelease ? ' (prerelease)' : ''} from commit ${commit}`);
  say(
    `- release ${plan.tag}${plan.latest ? ', shown as the latest' : ''}, with ${assets.join(', ') || 'no files'}`,
  );
  say(plan.majorTag ? `- move the tag ${plan.majorTag} to it` : '- no major tag moves');
  say(`- its text:\n\n${plan.notes}\n`);
}

/** Files have to be there before the release is published: after that it takes no more. */
async function publish(
  github: GitHub,
  plan: ReleasePlan,
  commit: string,
  assets: readonly string[],
): Promise<void> {
  const found = await github.findRelease(plan.tag);
  let release = found ?? (await github.createDraft({ ...plan, commit }));
  if (release.draft) {
    for (const name of assets.filter((file) => !release.assets.some((asset) => asset.name === file))) {
      await github.upload(release, name, readFileSync(join(values.assets ?? '.', name)));
      say(`Uploaded ${name}`);
    }
    release = await github.publish(release, plan.latest);
    say(`Released ${release.html_url}`);
  } else {
    say(`${plan.tag} is released already: ${release.html_url}`);
  }
  if (release.immutable !== true) {
    say(
      '::warning::This release can be changed after the fact. Turn on "Enable release immutability" in the settings of the repository, under General > Releases.',
    );
  }
  const tagged = (await github.tags())[plan.tag];
  if (tagged !== commit) {
    throw new Error(
      `The tag ${plan.tag} is at ${tagged ?? 'no commit'} and not at ${commit}. Look at it before you go on.`,
    );
  }
  if (plan.majorTag) {
    await github.moveTag(plan.majorTag, commit);
    say(`Moved ${plan.majorTag} to ${commit}`);
  }
}

async function main(): Promise<void> {
  const dryRun = values['dry-run'] !== 'false';
  const { GITHUB_TOKEN: token, GITHUB_REPOSITORY: repository } = process.env;
  const github =
    token && repository
      ? openGitHub({ api: process.env.GITHUB_API_URL || 'https://api.github.com', repository, token, fetch })
      : undefined;
  const state = readCheckout('.');
  const plan = planRelease({ ...state, tags: github ? await github.tags() : readLocalTags('.') });
  const assets = values.assets ? readdirSync(values.assets).sort() : [];
  show(plan, state.commit, assets);
  if (dryRun) return say('A dry run: nothing was done.');
  if (!github)
    throw new Error('GITHUB_TOKEN and GITHUB_REPOSITORY are not set. Run this in the workflow "Release".');
  await publish(github, plan, state.commit, assets);
}

try {
  await main();
} catch (error) {
  console.error(`::error::${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
