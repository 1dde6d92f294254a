/** Writes the block of inputs and the table of outputs in README.md from action.yml. `--check` writes nothing and fails on a difference. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const about = z.record(z.string(), z.object({ description: z.string() }));
const action = z
  .object({ inputs: about, outputs: about })
  .parse(parse(readFileSync(new URL('../action.yml', import.meta.url), 'utf8')));
const readme = new URL('../README.md', import.meta.url);

const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/\s+/g, ' ').trim();
const rows = (entries: z.infer<typeof about>): string =>
  Object.entries(entries)
    .map(([name, { description }]) => `| \`${name}\` | ${cell(description)} |`)
    .join('\n');
/** Every input as a consumer's workflow would set it, each with its meaning above it. */
const block = (entries: z.infer<typeof about>): string =>
  [
    '<!-- inputs: npm run build:readme -->',
    '```yaml',
    '- uses: OWNER/cloud-jobs@v1',
    '  with:',
    ...Object.entries(entries).flatMap(([name, { description }]) => [
      `    # ${description.replace(/\s+/g, ' ').trim()}`,
      `    ${name}: ''`,
      '',
    ]),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n```\n<!-- end of inputs -->');
const section = (name: string, head: string, body: string): string =>
  `<!-- ${name}: npm run build:readme -->\n| ${head} | meaning |\n| --- | --- |\n${body}\n<!-- end of ${name} -->`;

const text = readFileSync(readme, 'utf8');
const wanted = text
  .replace(/<!-- inputs:[\s\S]*?<!-- end of inputs -->/, () => block(action.inputs))
  .replace(/<!-- outputs:[\s\S]*?<!-- end of outputs -->/, () =>
    section('outputs', 'output', rows(action.outputs)),
  );
if (process.argv.includes('--check')) {
  if (wanted !== text) {
    console.error('The tables in README.md are not what action.yml says. Run: npm run build:readme');
    process.exit(1);
  }
} else {
  writeFileSync(readme, wanted);
}
