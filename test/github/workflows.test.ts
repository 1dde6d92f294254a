import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (path: string) => parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
const action = read('action.yml');
const manage = read('.github/workflows/manage-jobs.yml');
const [, check, call] = manage.jobs.manage.steps;

describe('manage-jobs.yml', () => {
  it('asks for at most ten inputs', () => {
    expect(Object.keys(manage.on.workflow_dispatch.inputs).length).toBeLessThanOrEqual(10);
  });

  it('passes on inputs that the action has, from the form or from its JSON', () => {
    const fields = Object.keys(manage.on.workflow_dispatch.inputs);
    const fromJson: string[] = [];
    for (const [name, value] of Object.entries<string>(call.with)) {
      expect(Object.keys(action.inputs)).toContain(name);
      const [, dotted, quoted] =
        /fromJSON\(inputs\.more \|\| '\{\}'\)(?:\.(\w+)|\['([\w-]+)'\])/.exec(value) ?? [];
      if (dotted || quoted) {
        expect(dotted ?? quoted).toBe(name);
        fromJson.push(name);
      }
      const field = /inputs\.([\w-]+)/.exec(value)?.[1];
      if (field) expect(fields).toContain(field);
    }
    const [, known = ''] = /'([^']*)'\.split/.exec(check.run) ?? [];
    expect(known.split(' ')).toEqual(fromJson);
    expect(fromJson).toEqual(fromJson.toSorted());
  });

  it('passes on every input of the commands that it offers', () => {
    const offered: string[] = manage.on.workflow_dispatch.inputs.command.options;
    const inputs = Object.entries<{ description: string }>(action.inputs).map(([name, { description }]) => {
      const commands = [...description.matchAll(/(?:^|\. )([a-z]+(?:, [a-z]+)*): /g)];
      return { name, commands: commands.flatMap(([, list = '']) => list.split(', ')) };
    });
    for (const command of offered) {
      const own = inputs.filter(({ commands }) => commands.includes(command)).map(({ name }) => name);
      expect(own.length === 0, command).toBe(command === 'queues' || command === 'metrics');
      expect(Object.keys(call.with), command).toEqual(expect.arrayContaining(own));
    }
  });

  it('offers every command but the worker', () => {
    const [, commands = ''] = /^What to do: ([a-z, ]+)\./.exec(action.inputs.command.description) ?? [];
    const offered: string[] = manage.on.workflow_dispatch.inputs.command.options;
    expect(offered.toSorted()).toEqual(
      commands
        .split(', ')
        .filter((name) => name !== 'run')
        .toSorted(),
    );
  });

  it.each([
    ['{"priority": -5, "timezone": "Europe/Berlin"}', 0, ''],
    ['{"prority": 1}', 1, 'It has no ["prority"]. It takes adopt, '],
    ['{"payload": {"a": 1}}', 1, String.raw`Write the JSON of payload as a text: {"payload":"{\"a\":1}"}.`],
    ['[]', 1, 'It is not a JSON object.'],
    ['null', 1, 'It is not a JSON object.'],
    ['{priority: 1}', 1, 'It is not JSON.'],
    ['{"a\\n::error::x": 1}', 1, 'It has no ["a\\n::error::x"].'],
  ])('checks the JSON of its other inputs: %s', (more, code, said) => {
    const { status, stdout } = spawnSync(process.execPath, ['--eval', check.run], {
      env: { PATH: process.env.PATH, MORE: more },
      encoding: 'utf8',
    });
    expect(status).toBe(code);
    expect(stdout).toContain(said);
    expect(stdout.trim().split('\n').length).toBe(1);
  });
});

describe('workers.yml', () => {
  it('starts one worker and explains why if the matrix was masked', () => {
    const { steps, strategy } = read('.github/workflows/workers.yml').jobs.work;
    expect(strategy.matrix.worker).toContain("fromJSON(needs.plan.outputs.matrix || '[1]')");
    const guard = steps.find((step: { if?: string }) => step.if === "needs.plan.outputs.matrix == ''");
    expect(guard.run).toContain('::warning');
  });

  it('no workflow reads JSON that may be empty', () => {
    for (const name of ['run-jobs', 'manage-jobs', 'workers']) {
      const text = readFileSync(new URL(`../../.github/workflows/${name}.yml`, import.meta.url), 'utf8');
      for (const [, inside = ''] of text.matchAll(/fromJSON\(([^)]*)\)/g))
        expect(inside, name).toContain("|| '");
    }
  });
});
