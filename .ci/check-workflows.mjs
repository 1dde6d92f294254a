/**
 * Reads every workflow with GitHub's own parser, which knows the newest syntax: those of this repository, the examples,
 * and the YAML blocks of the README and the docs. Then asks GitHub's own evaluator when the guarded jobs run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The parser imports its schema without saying that it is JSON.
registerHooks({
  load: (url, context, next) =>
    next(url, url.endsWith('.json') ? { ...context, importAttributes: { type: 'json' } } : context),
});
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import(
  '@actions/workflow-parser'
);
const { parseAction } = await import('@actions/workflow-parser/actions/action-parser');
const { data, Evaluator, Lexer, Parser } = await import('@actions/expressions');

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');
const trace = new NoOperationTraceWriter();
const faults = [];
let checked = 0;

async function check(name, content) {
  checked += 1;
  const { context, value } = parseWorkflow({ name, content }, trace);
  const template = value && (await convertWorkflowTemplate(context, value));
  for (const error of context.errors.getErrors()) faults.push(`${name}: ${error.message}`);
  return template;
}

const filesIn = (folder, ending) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((file) => join(folder, String(file)))
    .filter((file) => file.endsWith(ending) && !file.includes('node_modules'));

const templates = {};
for (const file of filesIn('.github/workflows', '.yml')) templates[file] = await check(file, read(file));
for (const file of filesIn('examples', '.yml')) {
  if (/^jobs:\n(?=[\s\S]*runs-on:)/m.test(read(file))) await check(file, read(file));
}

const indent = (text, depth) => text.replaceAll(/^(?=.)/gm, ' '.repeat(depth));
/** A whole workflow of what a page shows: a workflow, jobs, steps, or triggers. Undefined for other YAML. */
function asWorkflow(block) {
  const steps = (text) =>
    `on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n${indent(text, 6)}`;
  if (/^on:/m.test(block) && /^jobs:/m.test(block)) return block;
  if (/^jobs:/m.test(block) && /^ +(runs-on|uses):/m.test(block)) return `on: push\n${block}`;
  if (/^on:/m.test(block)) return `${block}\n${steps('- run: echo').replace('on: push\n', '')}`;
  if (/^- (uses|name|run|id|if):/m.test(block)) return steps(block);
  if (/^(strategy|runs-on|steps):/m.test(block)) {
    const rest = `${/^runs-on:/m.test(block) ? '' : 'runs-on: ubuntu-latest\n'}${/^steps:/m.test(block) ? '' : 'steps: [{ run: echo }]\n'}`;
    return `on: push\njobs:\n  job:\n${indent(`${rest}${block}`, 4)}`;
  }
  return undefined;
}
let blocks = 0;
for (const file of ['README.md', ...filesIn('docs', '.md')]) {
  for (const [, lead, block] of read(file).matchAll(/^( *)```yaml\n([\s\S]*?)^\1```/gm)) {
    const workflow = asWorkflow(block.replaceAll(new RegExp(`^${lead}`, 'gm'), ''));
    if (workflow === undefined) continue;
    blocks += 1;
    await check(`${file}, block ${blocks}`, workflow);
  }
}
if (blocks < 2) faults.push('README.md and docs/: where have the workflows gone?');

const action = parseAction({ name: 'action.yml', content: read('action.yml') }, trace);
checked += 1;
for (const error of action.context.errors.getErrors()) faults.push(`action.yml: ${error.message}`);

/** Whether GitHub would run this job. */
function runs(file, job, github) {
  const condition = templates[file]?.jobs?.find(({ id }) => id.value === job)?.if?.expression;
  if (condition === undefined) throw new Error(`${file} has no job ${job} with a condition`);
  const tree = new Parser(
    new Lexer(condition).lex().tokens,
    ['github'],
    [{ name: 'success', minArgs: 0, maxArgs: 0 }],
  ).parse();
  const context = new data.Dictionary({
    key: 'github',
    value: JSON.parse(JSON.stringify(github), data.reviver),
  });
  const success = { name: 'success', minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(true) };
  return new Evaluator(tree, context, new Map([['success', success]])).evaluate().coerceString() === 'true';
}

const [run, manage] = ['.github/workflows/run-jobs.yml', '.github/workflows/manage-jobs.yml'];
const main = { ref: 'refs/heads/main', event: { repository: { default_branch: 'main', fork: false } } };
const fork = { ...main, event: { repository: { default_branch: 'main', fork: true } } };
const branch = { ...main, ref: 'refs/heads/feature' };
for (const [what, file, job, github, wanted] of [
  ['a schedule', run, 'run', { ...main, event_name: 'schedule' }, true],
  // GitHub has left the repository out of this event.
  ['a schedule without a repository', run, 'run', { ...main, event: {}, event_name: 'schedule' }, true],
  ['a schedule in a fork', run, 'run', { ...fork, event_name: 'schedule' }, false],
  ['a dispatch', run, 'run', { ...main, event_name: 'repository_dispatch' }, true],
  ['a click on the default branch', run, 'run', { ...main, event_name: 'workflow_dispatch' }, true],
  ['a click on another branch', run, 'run', { ...branch, event_name: 'workflow_dispatch' }, false],
  ['a click in a fork', run, 'run', { ...fork, event_name: 'workflow_dispatch' }, false],
  ['a click on the default branch', manage, 'manage', { ...main, event_name: 'workflow_dispatch' }, true],
  ['a click on another branch', manage, 'manage', { ...branch, event_name: 'workflow_dispatch' }, false],
]) {
  checked += 1;
  if (runs(file, job, github) !== wanted) {
    faults.push(`${file}: ${what} ${wanted ? 'does not start' : 'starts'} the job ${job}`);
  }
}

for (const fault of faults) console.error(fault);
console.log(`${checked} checked by GitHub's parser and evaluator, ${faults.length} at fault`);
process.exitCode = faults.length > 0 ? 1 : 0;
