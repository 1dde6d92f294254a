import { expect, it } from 'vitest';
import { readJobsFile } from '../../src/commands/jobs-file.ts';

const read = (text: string) => readJobsFile(text, 'jobs.yml', (value) => value);

it('a schedule without quotes, the commonest mistake, is told once and with what to write', async () => {
  await expect(read('jobs:\n  a:\n    job-type: maintenance\n    schedule: */5 * * * *\n')).rejects.toThrow(
    /^jobs\.yml cannot be applied; nothing was changed:\n- line 4: put the value of schedule in quotes, schedule: "\*\/5 \* \* \* \*": YAML takes a bare \* for the name of something else$/,
  );
});

it('a name that is no text is refused with its line', async () => {
  await expect(read('jobs:\n  ? {x: 1}\n  : {job-type: maintenance}\n')).rejects.toThrow(
    '- line 2: a name must be a text',
  );
});

it.each(['1234567890123456789', '-9007199254740993'])(
  'a number that JavaScript rounds, %s, is refused and not changed in silence',
  async (id) => {
    const { problems } = await read(
      `jobs:\n  a:\n    job-type: custom\n    schedule: "@daily"\n    config: {handler: h, deep: [{id: ${id}}]}\n`,
    );
    expect(problems).toEqual([
      expect.stringMatching(
        /^a \(line 2\): its config holds the number -?\d+ at deep\[0\]\.id, which JavaScript cannot keep exactly.*write it as text$/,
      ),
    ]);
  },
);

it('numbers that are kept as they are, are', async () => {
  const { jobs, problems } = await read(
    'jobs:\n  a:\n    job-type: custom\n    schedule: "@daily"\n    config: {handler: h, id: 9007199254740991, far: 1e300, half: 0.5}\n',
  );
  expect(problems).toEqual([]);
  expect(jobs[0]?.job.config).toEqual({ handler: 'h', id: 9007199254740991, far: 1e300, half: 0.5 });
});
